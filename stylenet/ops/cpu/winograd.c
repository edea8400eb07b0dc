/* 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3) (Lavin and Gray 2016, section 4.3).
 *
 * 36 products give 16 pixels. A direct convolution needs 144 products.
 *
 * Pictures are channels last, float or bfloat16. Both channel counts are multiples of PANEL. Products
 * are of floats. For bfloat16 pictures they are of bfloat16 if the processor has an instruction for
 * it. Sums are of floats. A block of tiles is transformed, multiplied and transformed back while it is
 * in the processor's cache. The order of summation does not depend on the number of threads.
 */
#include "products.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

/* The points of a transform are 0, near, -near, far, -far and infinity.
 *
 * FLAT has the point 1. The products of a flat picture are then 0 except for one, so its result is flat
 * to the bit. Otherwise rounding would leave differences, which a norm amplifies to a pattern. CLOSE
 * halves the rounding errors, which products of bfloat16 need.
 */
typedef struct {
  float near, far;
} points;

#define FLAT (points){1, 1.75f}
#define CLOSE (points){0.75f, 1.5f}

#define TILE 4   /* side in pixels of a tile of the result */
#define WINDOW 6 /* side in pixels of the input that a tile depends on */
#define PRODUCTS (WINDOW * WINDOW)
#define ROWS 6   /* rows of a register block */
#define LINE 16  /* floats in a line of the cache */

/* A batch of pictures. Up to `padding` pixels outside a picture are 0, or mirrored if `reflect`. */
typedef struct {
  const void *pixels;
  const void *mask; /* shape and type of the pixels, or null; pixels are 0 where it is not positive */
  int height, width, channels, padding, reflect;
} image;

/* Tile number `at` of a batch of pictures. */
typedef struct {
  int picture, top, left;
} place;

ALWAYS_INLINE place find(int at, int down, int across) {
  return (place){at / (down * across), at / across % down * TILE, at % across * TILE};
}

ALWAYS_INLINE int mirror(int at, int size) {
  return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
}

/* The transforms. `s` is the step between the elements read, `t` between the elements written. */

ALWAYS_INLINE void transform_input(points p, const vec *d, int s, vec *o, int t) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  vec even = d[4 * s] - far2 * d[2 * s], odd = p.near * (d[3 * s] - far2 * d[s]);
  vec even2 = d[4 * s] - near2 * d[2 * s], odd2 = d[3 * s] - near2 * d[s];
  o[0] = even2 - far2 * (d[2 * s] - near2 * d[0]);
  o[t] = even + odd;
  o[2 * t] = even - odd;
  o[3 * t] = even2 + p.far * odd2;
  o[4 * t] = even2 - p.far * odd2;
  o[5 * t] = d[5 * s] - near2 * d[3 * s] - far2 * odd2;
}

ALWAYS_INLINE void transform_output(points p, const vec *m, int s, vec *o, int t) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  vec even = m[s] + m[2 * s], odd = p.near * (m[s] - m[2 * s]);
  vec even2 = m[3 * s] + m[4 * s], odd2 = p.far * (m[3 * s] - m[4 * s]);
  o[0] = m[0] + even + even2;
  o[t] = odd + odd2;
  o[2 * t] = near2 * even + far2 * even2;
  o[3 * t] = near2 * odd + far2 * odd2 + m[5 * s];
}

/* The scale factors of the Lagrange polynomials: of near and -near, and of far and -far. */
ALWAYS_INLINE points shares(points p) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  return (points){1 / (2 * near2 * (near2 - far2)), 1 / (2 * far2 * (far2 - near2))};
}

ALWAYS_INLINE void transform_filter(points p, const vec *g, int s, vec *o, int t) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  points share = shares(p);
  vec even = share.near * (g[0] + near2 * g[2 * s]), odd = share.near * p.near * g[s];
  vec even2 = share.far * (g[0] + far2 * g[2 * s]), odd2 = share.far * p.far * g[s];
  o[0] = g[0] / (near2 * far2);
  o[t] = even + odd;
  o[2 * t] = even - odd;
  o[3 * t] = even2 + odd2;
  o[4 * t] = even2 - odd2;
  o[5 * t] = g[2 * s];
}

ALWAYS_INLINE void transposed_output(points p, const vec *y, int s, vec *o, int t) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  vec even = y[0] + near2 * y[2 * s], odd = p.near * (y[s] + near2 * y[3 * s]);
  vec even2 = y[0] + far2 * y[2 * s], odd2 = p.far * (y[s] + far2 * y[3 * s]);
  o[0] = y[0];
  o[t] = even + odd;
  o[2 * t] = even - odd;
  o[3 * t] = even2 + odd2;
  o[4 * t] = even2 - odd2;
  o[5 * t] = y[3 * s];
}

ALWAYS_INLINE void transposed_filter(points p, const vec *u, int s, vec *o, int t) {
  float near2 = p.near * p.near, far2 = p.far * p.far;
  points share = shares(p);
  vec even = share.near * (u[s] + u[2 * s]), even2 = share.far * (u[3 * s] + u[4 * s]);
  vec odd = share.near * (u[s] - u[2 * s]), odd2 = share.far * (u[3 * s] - u[4 * s]);
  o[0] = u[0] / (near2 * far2) + even + even2;
  o[t] = p.near * odd + p.far * odd2;
  o[2 * t] = near2 * even + far2 * even2 + u[5 * s];
}

/* The offsets of the pixels of a square, row by row. A negative offset stands for a pixel of 0. */
ALWAYS_INLINE void find_pixels(const image *from, place at, int side, long *pixels) {
  long first = (long)at.picture * from->height;
  for (int i = 0; i < side; i++)
    for (int j = 0; j < side; j++) {
      int y = at.top + i - from->padding, x = at.left + j - from->padding;
      if (from->reflect) y = mirror(y, from->height), x = mirror(x, from->width);
      int outside = y < 0 || y >= from->height || x < 0 || x >= from->width;
      pixels[side * i + j] = outside ? -1 : ((first + y) * from->width + x) * from->channels;
    }
}

/* LANES channels, from `k` on, of the pixel at an offset. */
ALWAYS_INLINE vec read_pixel(const image *from, long pixel, int k, int bf16) {
  if (pixel < 0) return (vec){0};
  vec value = load(from->pixels, pixel + k, bf16);
  return from->mask ? where_positive(load(from->mask, pixel + k, bf16), value) : value;
}

/* Floats from one of the 36 matrices to the next: the size of a matrix and a line of the cache.
 *
 * The same element of all 36 matrices is written at once. Without the extra line, these elements would
 * share few lines of the cache.
 */
ALWAYS_INLINE long plane_of(int rows, int channels) { return (long)rows * channels + LINE; }

/* The next two functions write row `row` of 36 matrices, stored as `blocked` says. */

ALWAYS_INLINE void read_window(const image *from, place at, void *v, int row, int rows, int block,
                               int bf16, int halves) {
  points p = halves ? CLOSE : FLAT;
  long plane = plane_of(rows, from->channels), pixels[PRODUCTS];
  find_pixels(from, at, WINDOW, pixels);
  for (int k = 0; k < from->channels; k += LANES) {
    vec half_way[PRODUCTS];
    for (int j = 0; j < WINDOW; j++) {
      vec column[WINDOW];
      for (int i = 0; i < WINDOW; i++)
        column[i] = read_pixel(from, pixels[WINDOW * i + j], k, bf16);
      transform_input(p, column, 1, half_way + j, WINDOW);
    }
    long to = blocked(row, k, rows, block);
    for (int i = 0; i < WINDOW; i++) {
      vec line[WINDOW];
      transform_input(p, half_way + WINDOW * i, 1, line, 1);
      for (int j = 0; j < WINDOW; j++) store(v, (WINDOW * i + j) * plane + to, line[j], halves);
    }
  }
}

ALWAYS_INLINE void read_tile(const image *from, place at, float *m, int row, int rows, int block,
                             int bf16) {
  long plane = plane_of(rows, from->channels), pixels[TILE * TILE];
  find_pixels(from, at, TILE, pixels);
  for (int k = 0; k < from->channels; k += LANES) {
    vec half_way[WINDOW * TILE];
    for (int j = 0; j < TILE; j++) {
      vec column[TILE];
      for (int i = 0; i < TILE; i++) column[i] = read_pixel(from, pixels[TILE * i + j], k, bf16);
      transposed_output(FLAT, column, 1, half_way + j, TILE);
    }
    long to = blocked(row, k, rows, block);
    for (int i = 0; i < WINDOW; i++) {
      vec line[WINDOW];
      transposed_output(FLAT, half_way + TILE * i, 1, line, 1);
      for (int j = 0; j < WINDOW; j++) store(m, (WINDOW * i + j) * plane + to, line[j], 0);
    }
  }
}

ALWAYS_INLINE void write_tile(void *y, int height, int width, int channels, place at,
                              const float *m, long plane, const float *bias, int relu, int bf16,
                              int halves) {
  points p = halves ? CLOSE : FLAT;
  for (int k = 0; k < channels; k += LANES) {
    vec half_way[TILE * WINDOW], b = {0};
    if (bias) b = *(const loose_vec *)(bias + k);
    for (int j = 0; j < WINDOW; j++) {
      vec column[WINDOW];
      for (int i = 0; i < WINDOW; i++) column[i] = load(m, (WINDOW * i + j) * plane + k, 0);
      transform_output(p, column, 1, half_way + j, WINDOW);
    }
    for (int i = 0; i < TILE && at.top + i < height; i++) {
      vec line[TILE];
      transform_output(p, half_way + WINDOW * i, 1, line, 1);
      long first = (((long)at.picture * height + at.top + i) * width + at.left) * channels + k;
      for (int j = 0; j < TILE && at.left + j < width; j++) {
        vec value = line[j] + b;
        store(y, first + (long)j * channels, relu ? where_positive(value, value) : value, bf16);
      }
    }
  }
}

/* m = v u, with v (rows, in), u (in, out) and m (rows, out).
 *
 * u is stored in panels of PANEL columns. `rows` is a multiple of ROWS.
 */
static void multiply(const float *v, const float *u, float *m, int rows, int in, int out) {
  for (int p = 0; p < out; p += PANEL, u += (long)in * PANEL)
    for (int r = 0; r < rows; r += ROWS) {
      const float *a = v + (long)r * in;
      vec sums[ROWS][COLUMNS] = {0};
      for (int k = 0; k < in; k++) {
        vec b[COLUMNS];
        for (int j = 0; j < COLUMNS; j++)
          b[j] = *(const loose_vec *)(u + (long)k * PANEL + j * LANES);
        for (int i = 0; i < ROWS; i++)
          for (int j = 0; j < COLUMNS; j++) sums[i][j] += a[(long)i * in + k] * b[j];
      }
      for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          *(loose_vec *)(m + (long)(r + i) * out + p + j * LANES) = sums[i][j];
    }
}

/* The same for v and u of bfloat16. Each two rows of u are interleaved, as the instruction needs. */
static void multiply_halves(const void *v, const void *u, float *m, int rows, int in, int out) {
#ifdef __AVX512BF16__
  const int *pairs = u;
  for (int p = 0; p < out; p += PANEL, pairs += (long)in / 2 * PANEL)
    for (int r = 0; r < rows; r += ROWS) {
      const int *a = (const int *)v + (long)r * in / 2;
      __m512 sums[ROWS][COLUMNS] = {0};
      for (int k = 0; k < in / 2; k++) {
        __m512bh b[COLUMNS];
        for (int j = 0; j < COLUMNS; j++)
          b[j] = (__m512bh)_mm512_loadu_si512(pairs + (long)k * PANEL + j * LANES);
        for (int i = 0; i < ROWS; i++) {
          __m512bh pair = (__m512bh)_mm512_set1_epi32(a[(long)i * in / 2 + k]);
          for (int j = 0; j < COLUMNS; j++) sums[i][j] = _mm512_dpbf16_ps(sums[i][j], pair, b[j]);
        }
      }
      for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
          _mm512_storeu_ps(m + (long)(r + i) * out + p + j * LANES, sums[i][j]);
    }
#else
  (void)v, (void)u, (void)m, (void)rows, (void)in, (void)out;
#endif
}

/* Channel counts must be multiples of this number. */
int stylenet_panel(void) { return PANEL; }

/* Whether the processor can multiply bfloat16. */
int stylenet_has_halves(void) {
#ifdef __AVX512BF16__
  return 1;
#else
  return 0;
#endif
}

ALWAYS_INLINE void convolve_as(const image *x, const void *u, const float *bias, void *y, int count,
                               int out, int relu, float *scratch, int rows, int threads, int bf16,
                               int halves) {
  int in = x->channels, extra = 2 * x->padding - 2;
  int height = x->height + extra, width = x->width + extra;
  int down = (height + TILE - 1) / TILE, across = (width + TILE - 1) / TILE;
  int tiles = count * down * across;
  long plane_in = plane_of(rows, in), plane_out = plane_of(rows, out);
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (int first = 0; first < tiles; first += rows) {
    int thread = 0;
#ifdef _OPENMP
    thread = omp_get_thread_num();
#endif
    float *v = scratch + thread * PRODUCTS * (plane_in + plane_out), *m = v + PRODUCTS * plane_in;
    int used = first + rows < tiles ? rows : tiles - first;
    for (int t = 0; t < used; t++)
      read_window(x, find(first + t, down, across), v, t, rows, in, bf16, halves);
    int whole = (used + ROWS - 1) / ROWS * ROWS; /* results beyond `used` are ignored */
    for (int e = 0; e < PRODUCTS; e++)
      if (halves)
        multiply_halves((short *)v + e * plane_in, (const short *)u + (long)e * in * out,
                        m + e * plane_out, whole, in, out);
      else
        multiply(v + e * plane_in, (const float *)u + (long)e * in * out, m + e * plane_out, whole,
                 in, out);
    for (int t = 0; t < used; t++)
      write_tile(y, height, width, out, find(first + t, down, across), m + (long)t * out, plane_out,
                 bias, relu, bf16, halves);
  }
}

/* y = x * w + bias, with optional ReLU.
 *
 * x: (count, height, width, in), y: (count, height + 2 padding - 2, width + 2 padding - 2, out), both
 * bfloat16 if `bf16`, else float; mask: as in `image`; u: the result of `stylenet_filter` with the same
 * `halves`; bias: (out) or null; scratch: threads * 36 * (rows * (in + out) + 32) floats; rows: tiles in a
 * block, a multiple of 6.
 */
void stylenet_convolve(const void *x, const void *mask, const void *u, const float *bias, void *y,
                       int count, int height, int width, int in, int out, int padding, int reflect,
                       int relu, int bf16, int halves, float *scratch, int rows, int threads) {
  image from = {x, mask, height, width, in, padding, reflect};
  if (halves) /* three calls, so that each is compiled without the branches of the others */
    convolve_as(&from, u, bias, y, count, out, relu, scratch, rows, threads, 1, 1);
  else if (bf16)
    convolve_as(&from, u, bias, y, count, out, relu, scratch, rows, threads, 1, 0);
  else
    convolve_as(&from, u, bias, y, count, out, relu, scratch, rows, threads, 0, 0);
}

ALWAYS_INLINE void filter_as(const float *w, void *u, int in, int out, int threads, int halves) {
  points p = halves ? CLOSE : FLAT;
  long plane = (long)in * out;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int k = 0; k < in; k += 2)
    for (int o = 0; o < out; o += LANES) {
      vec all[2][PRODUCTS];
      for (int odd = 0; odd < 2; odd++) {
        vec g[9], half_way[18];
        for (int e = 0; e < 9; e++)
          g[e] = load(w, e * plane + (long)(k + odd) * out + o, 0);
        for (int j = 0; j < 3; j++) transform_filter(p, g + j, 3, half_way + j, 3);
        for (int i = 0; i < 6; i++) transform_filter(p, half_way + 3 * i, 1, all[odd] + 6 * i, 1);
      }
      long to = (long)(o / PANEL) * in * PANEL + (long)k * PANEL;
      for (int e = 0; e < PRODUCTS; e++)
        if (halves) {
          bits pair = rounded(all[0][e]) >> 16 | (rounded(all[1][e]) & 0xffff0000);
          *(loose_vec *)((short *)u + e * plane + to + o % PANEL * 2) = (vec)pair;
        } else {
          store(u, e * plane + to + o % PANEL, all[0][e], 0);
          store(u, e * plane + to + PANEL + o % PANEL, all[1][e], 0);
        }
    }
}

/* u = the transform of w (3, 3, in, out), which is of floats.
 *
 * u: floats (36, out / PANEL, in, PANEL); if `halves`, bfloat16 (36, out / PANEL, in / 2, PANEL, 2).
 */
void stylenet_filter(const float *w, void *u, int in, int out, int halves, int threads) {
  if (halves)
    filter_as(w, u, in, out, threads, 1);
  else
    filter_as(w, u, in, out, threads, 0);
}

ALWAYS_INLINE void gradient_as(const image *x, const image *dy, float *dw, int count, float *scratch,
                               int rows, int threads, int bf16) {
  int in = x->channels, out = dy->channels;
  int down = (dy->height + TILE - 1) / TILE, across = (dy->width + TILE - 1) / TILE;
  int tiles = count * down * across;
  long plane_in = plane_of(rows, in), plane_out = plane_of(rows, out), plane = (long)in * out;
  float *v = scratch, *m = v + PRODUCTS * plane_in, *u = m + PRODUCTS * plane_out;
  for (long i = 0; i < PRODUCTS * plane; i++) u[i] = 0;
#pragma omp parallel num_threads(threads)
  for (int first = 0; first < tiles; first += rows) {
    int used = first + rows < tiles ? rows : tiles - first;
#pragma omp for schedule(dynamic, 4)
    for (int t = 0; t < used; t++) {
      place at = find(first + t, down, across);
      read_window(x, at, v, t, rows, LANES, bf16, 0);
      read_tile(dy, at, m, t, rows, PANEL, bf16);
    }
#pragma omp for schedule(dynamic)
    for (int e = 0; e < PRODUCTS; e++)
      multiply_transposed(v + e * plane_in, m + e * plane_out, u + e * plane, used, rows, out, 0, in,
                          0, LANES);
  }
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int k = 0; k < in; k++)
    for (int o = 0; o < out; o += LANES) {
      vec all[PRODUCTS], half_way[18], g[9];
      long at = (long)k * out + o;
      for (int e = 0; e < PRODUCTS; e++) all[e] = *(const loose_vec *)(u + e * plane + at);
      for (int j = 0; j < 6; j++) transposed_filter(FLAT, all + j, 6, half_way + j, 6);
      for (int i = 0; i < 3; i++) transposed_filter(FLAT, half_way + 6 * i, 1, g + 3 * i, 1);
      for (int e = 0; e < 9; e++) *(loose_vec *)(dw + e * plane + at) = g[e];
    }
}

/* dw (3, 3, in, out) = the gradient to w of y = x * w with padding 1.
 *
 * x: (count, height, width, in), dy: (count, height, width, out), both bfloat16 if `bf16`, else float;
 * scratch: 36 * (rows * (in + out) + 32 + in * out) floats; rows: tiles in a block.
 */
void stylenet_filter_gradient(const void *x, const void *dy, float *dw, int count, int height,
                              int width, int in, int out, int reflect, int bf16, float *scratch,
                              int rows, int threads) {
  image from = {x, 0, height, width, in, 1, reflect}, to = {dy, 0, height, width, out, 0, 0};
  if (bf16)
    gradient_as(&from, &to, dw, count, scratch, rows, threads, 1);
  else
    gradient_as(&from, &to, dw, count, scratch, rows, threads, 0);
}
