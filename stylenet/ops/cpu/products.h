/* Products of matrices of floats. Each block of the result is summed in registers. */
#include "vectors.h"

#define COLUMNS (LANES / 4) /* vectors in a row of a register block */
#define PANEL (LANES * COLUMNS)
#define CHANNEL_ROWS 4 /* rows of a register block whose rows are channels */

/* The place of element `k` of row `row` in a matrix of `rows` rows, stored in blocks of `block` columns.
 * Without blocks, rows would lie a power of two apart and share the same lines of the cache. */
ALWAYS_INLINE long blocked(int row, int k, int rows, int block) {
  return (long)(k / block) * block * rows + (long)row * block + k % block;
}

/* u += transposed v times m, with v (rows, in), m (rows, out) and u (in, out).
 *
 * Only the rows of u from `first` to `last` and the columns from `left` on are computed. v is stored in
 * blocks of `block` columns and m in blocks of PANEL columns. Every block has space for `room` rows.
 */
ALWAYS_INLINE void multiply_transposed(const float *v, const float *m, float *u, int rows, int room,
                                       int out, int first, int last, int left, int block) {
  for (int p = left; p < out; p += PANEL)
    for (int c = first; c < last; c += CHANNEL_ROWS) {
      const float *a = v + blocked(0, c, room, block), *from = m + blocked(0, p, room, PANEL);
      vec sums[CHANNEL_ROWS][COLUMNS];
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          sums[i][j] = *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES);
      for (int r = 0; r < rows; r++) {
        vec b[COLUMNS];
        for (int j = 0; j < COLUMNS; j++)
          b[j] = *(const loose_vec *)(from + (long)r * PANEL + j * LANES);
        for (int i = 0; i < CHANNEL_ROWS; i++)
          for (int j = 0; j < COLUMNS; j++) sums[i][j] += a[(long)r * block + i] * b[j];
      }
      for (int i = 0; i < CHANNEL_ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          *(loose_vec *)(u + (long)(c + i) * out + p + j * LANES) = sums[i][j];
    }
}
