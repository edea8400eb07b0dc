/* Vectors of floats, as wide as the processor allows. They are loaded and stored as float or
 * bfloat16. */
#ifdef _OPENMP
#include <omp.h>
#endif

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef float loose_vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(4 * LANES)));
typedef unsigned bits __attribute__((vector_size(4 * LANES)));
typedef unsigned short half __attribute__((vector_size(2 * LANES)));
typedef unsigned short loose_half __attribute__((vector_size(2 * LANES), aligned(2), may_alias));

ALWAYS_INLINE vec load(const void *values, long at, int bf16) {
  if (!bf16) return *(const loose_vec *)((const float *)values + at);
  half top = *(const loose_half *)((const unsigned short *)values + at);
  return (vec)(__builtin_convertvector(top, bits) << 16);
}

/* `v` rounded to bfloat16 (to nearest, ties to even), in the upper half of each element. */
ALWAYS_INLINE bits rounded(vec v) {
  bits b = (bits)v;
  return b + 0x7fff + ((b >> 16) & 1);
}

ALWAYS_INLINE void store(void *values, long at, vec v, int bf16) {
  if (!bf16) {
    *(loose_vec *)((float *)values + at) = v;
    return;
  }
  half top = __builtin_convertvector(rounded(v) >> 16, half);
  *(loose_half *)((unsigned short *)values + at) = top;
}

/* `v` where `keep` is positive, else 0. */
ALWAYS_INLINE vec where_positive(vec keep, vec v) {
  return (vec)((mask)v & (keep > (vec){0}));
}
