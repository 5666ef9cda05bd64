// The rate at which one thread block moves bytes: device::CudaDevice::copy as exchanges use it, 512
// threads sending and 512 receiving at once, on one multiprocessor.
//
// Writes CSV to standard output: where to, bytes of each copy, bytes by which source and target lie
// off a line, and GB/s of one half alone and of both halves together, medians of nine launches.
// Every byte is checked. Exit status: 0 done, 1 a wrong byte or an error of CUDA, 2 no GPU.
#include <causeway/device/cuda_device.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using causeway::device::CudaDevice;
using causeway::device::WarpsGroup;

constexpr std::uint64_t kBytes = std::uint64_t{64} << 20;  // moved by each half of a launch
constexpr unsigned kThreads = 1024;
constexpr int kLaunches = 9;

void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "%s failed: %s\n", call, cudaGetErrorString(code));
  std::exit(1);
}

/// One half's work: consecutive copies of `bytes` bytes.
struct Stream {
  unsigned char* to;
  const unsigned char* from;
};

/// The first `halves` halves of the block work.
__global__ void __launch_bounds__(kThreads, 1)
    move(Stream first, Stream second, std::uint64_t bytes, unsigned halves) {
  const unsigned half = threadIdx.x / (kThreads / 2);
  if (half >= halves) return;
  const WarpsGroup group{1 + half, half * (kThreads / 2), kThreads / 2, nullptr};
  const Stream& stream = half == 0 ? first : second;
  for (std::uint64_t at = 0; at + bytes <= kBytes; at += bytes) {
    CudaDevice::copy(group, stream.to + at, stream.from + at, bytes);
    group.sync();
  }
}

unsigned char pattern(std::uint64_t i, unsigned half) {
  return static_cast<unsigned char>((i * 2654435761U >> 13) + half * 101);
}

double gigabytes_per_second(const Stream (&streams)[2], std::uint64_t bytes, unsigned halves) {
  cudaEvent_t begin{};
  cudaEvent_t end{};
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<double> rates;
  for (int i = 0; i <= kLaunches; ++i) {
    check(cudaEventRecord(begin), "cudaEventRecord");
    move<<<1, kThreads>>>(streams[0], streams[1], bytes, halves);
    check(cudaGetLastError(), "the launch");
    check(cudaEventRecord(end), "cudaEventRecord");
    check(cudaEventSynchronize(end), "the copies");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    const std::uint64_t moved = kBytes / bytes * bytes * halves;
    if (i > 0) rates.push_back(static_cast<double>(moved) / milliseconds / 1e6);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(rates.begin(), rates.begin() + kLaunches / 2, rates.end());
  return rates[kLaunches / 2];
}

unsigned char* allocate(int gpu, std::uint64_t bytes) {
  void* memory = nullptr;
  check(cudaSetDevice(gpu), "cudaSetDevice");
  check(cudaMalloc(&memory, bytes), "cudaMalloc");
  return static_cast<unsigned char*>(memory);
}

}  // namespace

int main() {
  int gpus = 0;
  if (cudaGetDeviceCount(&gpus) != cudaSuccess || gpus == 0) {
    std::fprintf(stderr, "no GPU\n");
    return 2;
  }
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  int driver = 0;
  check(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  const char* const commit = std::getenv("CAUSEWAY_COMMIT");
  std::printf("# %s, CUDA driver %d.%d, commit %s\n", properties.name, driver / 1000,
              driver % 1000 / 10, commit == nullptr ? "unknown" : commit);
  std::printf("to,copy_bytes,source_offset,target_offset,one_half_gb_s,both_halves_gb_s\n");
  constexpr std::uint64_t kSlack = 256;
  std::vector<unsigned char> host(kBytes + kSlack);
  std::vector<unsigned char> back(kBytes);
  Stream streams[2];
  unsigned char* sources[2];
  for (unsigned half = 0; half < 2; ++half) {
    sources[half] = allocate(0, kBytes + kSlack);
    for (std::uint64_t i = 0; i < host.size(); ++i) host[i] = pattern(i, half);
    check(cudaMemcpy(sources[half], host.data(), host.size(), cudaMemcpyDefault), "cudaMemcpy");
  }
  for (int target = 0; target < std::min(gpus, 2); ++target) {
    unsigned char* const to[2] = {allocate(target, kBytes + kSlack),
                                  allocate(target, kBytes + kSlack)};
    check(cudaSetDevice(0), "cudaSetDevice");
    if (target != 0) check(cudaDeviceEnablePeerAccess(target, 0), "cudaDeviceEnablePeerAccess");
    for (const std::uint64_t bytes : {std::uint64_t{64} << 10, std::uint64_t{512} << 10}) {
      for (const auto& [source_offset, target_offset] : {std::pair{0U, 0U}, {0U, 16U}, {5U, 0U}}) {
        for (unsigned half = 0; half < 2; ++half) {
          streams[half] = {to[half] + target_offset, sources[half] + source_offset};
          check(cudaMemset(to[half], 0, kBytes + kSlack), "cudaMemset");
        }
        const double one = gigabytes_per_second(streams, bytes, 1);
        const double both = gigabytes_per_second(streams, bytes, 2);
        for (unsigned half = 0; half < 2; ++half) {
          check(cudaMemcpy(back.data(), streams[half].to, kBytes, cudaMemcpyDefault), "cudaMemcpy");
          for (std::uint64_t i = 0; i < kBytes; ++i) {
            if (back[i] == pattern(i + source_offset, half)) continue;
            std::fprintf(stderr, "wrong byte %llu\n", static_cast<unsigned long long>(i));
            return 1;
          }
        }
        std::printf("%s,%llu,%u,%u,%.1f,%.1f\n", target == 0 ? "own memory" : "peer memory",
                    static_cast<unsigned long long>(bytes), source_offset, target_offset, one,
                    both);
      }
    }
  }
  return 0;
}
