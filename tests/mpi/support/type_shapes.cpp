// Ways to make derived datatypes.
#include "type_shapes.hpp"

#include "made_types.hpp"

namespace causeway::test {

const std::vector<Shape>& shapes() {
  constexpr int kDefault = MPI_DISTRIBUTE_DFLT_DARG;
  static const std::vector<Shape> the_shapes = {
    {"vector", [](auto base) { return vector(base, 4, 2, 5); }},
    {"vector_backwards", [](auto base) { return vector(base, 3, 2, -4); }},
    {"column", [](auto base) { return resized(vector(base, 50, 1, 41), 0, extent_of(base)); }},
    {"two_columns",
     [](auto base) { return resized(vector(base, 30, 2, 90), 0, 2 * extent_of(base)); }},
    {"hvector_of_odd_stride", [](auto base) { return hvector(base, 5, 1, extent_of(base) + 3); }},
    {"indexed",
     [](auto base) {
       return indexed(base, {3, 0, 1, 4}, {2, 0, 9, 20});
     }},
    {"indexed_in_no_order",
     [](auto base) {
       return indexed(base, {1, 2, 2}, {7, 0, 4});
     }},
    {"hindexed",
     [](auto base) {
       const int lengths[] = {2, 1, 3};
       const MPI_Aint at[] = {8 * extent_of(base) + 1, 0, 2 * extent_of(base)};
       return made_by(MPI_Type_create_hindexed, 3, lengths, at, base);
     }},
    {"indexed_block",
     [](auto base) {
       const int at[] = {0, 3, 6, 9, 20, 12};
       return made_by(MPI_Type_create_indexed_block, 6, 2, at, base);
     }},
    {"hindexed_block",
     [](auto base) {
       const MPI_Aint at[] = {0, 7 * extent_of(base), 3 * extent_of(base)};
       return made_by(MPI_Type_create_hindexed_block, 3, 2, at, base);
     }},
    {"subarray_c",
     [](auto base) {
       return subarray(base, {6, 7}, {3, 4}, {2, 1}, MPI_ORDER_C);
     }},
    {"subarray_fortran",
     [](auto base) {
       return subarray(base, {5, 4, 6}, {2, 3, 2}, {1, 0, 3}, MPI_ORDER_FORTRAN);
     }},
    {"subarray_whole_rows",
     [](auto base) {
       return subarray(base, {4, 5, 3}, {2, 5, 3}, {1, 0, 0}, MPI_ORDER_C);
     }},
    {"darray_blocks",
     [](auto base) {
       return darray(base, 4, MPI_ORDER_C, {7, 9}, {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_BLOCK},
                     {kDefault, kDefault}, {2, 3});
     }},
    {"darray_cyclic",
     [](auto base) {
       return darray(base, 1, MPI_ORDER_FORTRAN, {10, 4},
                     {MPI_DISTRIBUTE_CYCLIC, MPI_DISTRIBUTE_NONE}, {2, kDefault}, {2, 1});
     }},
    {"darray_of_nothing",
     [](auto base) {
       return darray(base, 3, MPI_ORDER_C, {2}, {MPI_DISTRIBUTE_BLOCK}, {kDefault}, {4});
     }},
    {"resized_below_zero",
     [](auto base) { return resized(vector(base, 2, 1, 2), -5, 6 * extent_of(base) + 8); }},
    {"begins_later", [](auto base) { return indexed(base, {4}, {3}); }},
    {"begins_later_side_by_side",
     [](auto base) { return resized(indexed(base, {4}, {3}), 0, 4 * extent_of(base)); }},
    {"below_zero",
     [](auto base) {
       return indexed(base, {2, 1}, {-6, 1});
     }},
    {"vector_of_vectors",
     [](auto base) { return hvector(vector(base, 3, 1, 2), 4, 1, 11 * extent_of(base)); }},
    {"vector_of_subarrays",
     [](auto base) {
       return vector(subarray(base, {3, 4}, {2, 2}, {1, 1}, MPI_ORDER_C), 2, 1, 2);
     }},
    {"indexed_of_resized",
     [](auto base) {
       return indexed(resized(vector(base, 2, 1, 3), 0, 5 * extent_of(base)), {1, 2}, {3, 0});
     }},
    {"structure",
     [](auto base) {
       const ScopedType inner = vector(base, 2, 1, 2);
       return structure({1, 3, 2}, {0, 4 * extent_of(base) + 5, 20 * extent_of(base)},
                        {inner, base, base});
     }},
    {"structure_in_no_order",
     [](auto base) {
       return structure({2, 1}, {9 * extent_of(base), extent_of(base)}, {base, base});
     }},
    {"dup_of_contiguous_of_vector",
     [](auto base) { return ScopedType::dup(ScopedType::contiguous(2, vector(base, 2, 3, 4))); }},
#if MPI_VERSION >= 4
    {"large_contiguous",
     [](auto base) { return made_by(MPI_Type_contiguous_c, MPI_Count{3}, base); }},
    {"large_vector",
     [](auto base) {
       return made_by(MPI_Type_vector_c, MPI_Count{4}, MPI_Count{2}, MPI_Count{5}, base);
     }},
    {"large_hvector",
     [](auto base) {
       const MPI_Count stride = extent_of(base) + 3;
       return made_by(MPI_Type_create_hvector_c, MPI_Count{5}, MPI_Count{1}, stride, base);
     }},
    {"large_indexed",
     [](auto base) {
       const MPI_Count lengths[] = {3, 0, 1, 4};
       const MPI_Count at[] = {2, 0, 9, 20};
       return made_by(MPI_Type_indexed_c, MPI_Count{4}, lengths, at, base);
     }},
    {"large_hindexed",
     [](auto base) {
       const MPI_Count lengths[] = {2, 1, 3};
       const MPI_Count at[] = {8 * extent_of(base) + 1, 0, 2 * extent_of(base)};
       return made_by(MPI_Type_create_hindexed_c, MPI_Count{3}, lengths, at, base);
     }},
    {"large_indexed_block",
     [](auto base) {
       const MPI_Count at[] = {0, 3, 6, 9, 20, 12};
       return made_by(MPI_Type_create_indexed_block_c, MPI_Count{6}, MPI_Count{2}, at, base);
     }},
    {"large_hindexed_block",
     [](auto base) {
       const MPI_Count at[] = {0, 7 * extent_of(base), 3 * extent_of(base)};
       return made_by(MPI_Type_create_hindexed_block_c, MPI_Count{3}, MPI_Count{2}, at, base);
     }},
    {"large_subarray",
     [](auto base) {
       const MPI_Count sizes[] = {5, 4, 6};
       const MPI_Count parts[] = {2, 3, 2};
       const MPI_Count starts[] = {1, 0, 3};
       return made_by(MPI_Type_create_subarray_c, 3, sizes, parts, starts, MPI_ORDER_FORTRAN, base);
     }},
    {"large_darray",
     [](auto base) {
       const MPI_Count sizes[] = {7, 9};
       const int distributions[] = {MPI_DISTRIBUTE_BLOCK, MPI_DISTRIBUTE_CYCLIC};
       const int arguments[] = {kDefault, 2};
       const int processes[] = {2, 3};
       return made_by(MPI_Type_create_darray_c, 6, 4, 2, sizes, distributions, arguments, processes,
                      MPI_ORDER_C, base);
     }},
    {"large_structure_of_resized",
     [](auto base) {
       const MPI_Count lower = 0;
       const MPI_Count extent = 5 * extent_of(base);
       const ScopedType inner =
           made_by(MPI_Type_create_resized_c, vector(base, 2, 1, 3), lower, extent);
       const MPI_Count lengths[] = {1, 3};
       const MPI_Count at[] = {0, 12 * extent_of(base) + 5};
       const MPI_Datatype types[] = {inner, base};
       return made_by(MPI_Type_create_struct_c, MPI_Count{2}, lengths, at, types);
     }},
#endif
    {"thousands_of_blocks", [](auto base) { return vector(base, 3000, 1, 2); }},
    {"long_blocks", [](auto base) { return vector(base, 3, 5000, 7000); }},
    {"nothing", [](auto base) { return vector(base, 0, 1, 1); }},
    {"itself", [](auto base) { return ScopedType::predefined(base); }},
  };
  return the_shapes;
}

}  // namespace causeway::test
