// One token of a Gemma 3 decoder in five kernels a layer (qkv, attention, out, gate and up, down), for NVIDIA cards of compute
// capability 8.0 and newer.
//
// Compiled at run time by NVRTC (inference/cuda/kernels.py); no header is needed. Activations are bfloat16 between kernels, as in
// the published model, and float32 within. Matrices are read once, row by row as they lie in memory: bfloat16 [N, K], int8 [N, K]
// with one float32 scale a row, or int4 two to a byte [N, K / 2] (the even column in the upper half) with a scale and a zero in
// bfloat16 for every 128 columns [K / 128, N, 2]. Products go through mma.m16n8k16: sixteen rows of a matrix by up to eight
// columns of activations. An int4 code c is the bfloat16 number 128 + c by one logical operation, an int8 code two of those; what
// the 128 add is taken off by the sum of the activations, which is a product with ones.

typedef unsigned int u32;
typedef unsigned short u16;

#ifndef EMULATED  // tests/inference/cuda_on_a_processor.cpp gives the same words another meaning
#define DEVICE static __device__ __forceinline__
#define DEVICE_IN __device__ __forceinline__
#define SHARED __shared__
#define SHARED_OF_CALL(NAME) extern __shared__ Four NAME[]
struct alignas(16) Four { u32 x, y, z, w; };
struct alignas(8) Two { float x, y; };

DEVICE void mma(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// Of a matrix: read once, so it need not stay in the first cache. Where `is` is not set nothing is read. Both this and `mma` are
// volatile, so that what is read together stays together: the compiler would bring every read to its product.
DEVICE Four once(const Four* from, bool is) {
    Four v;
    asm volatile("{.reg .pred p; setp.ne.u32 p, %5, 0; @p ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];}"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(from), "r"(u32(is)));
    return v;
}
DEVICE u32 once(const u32* from, bool is) {
    u32 v;
    asm volatile("{.reg .pred p; setp.ne.u32 p, %2, 0; @p ld.global.nc.u32 %0, [%1];}" : "=r"(v) : "l"(from), "r"(u32(is)));
    return v;
}

// A kernel may be started while the one before it runs (programmatic dependent launch): it then reads the first of its matrix,
// and waits before it touches anything that was reckoned. Older cards start one kernel after the other.
DEVICE void let_next() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
DEVICE void wait_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DEVICE u32 bytes(u32 low, u32 high, u32 which) { return __byte_perm(low, high, which); }
DEVICE float fresh(const float* from) { return __ldcg(from); }
DEVICE Two fresh(const Two* from) {
    float2 v = __ldcg((const float2*)from);
    Two found;
    found.x = v.x, found.y = v.y;
    return found;
}
#endif

const int WARPS = 8;      // of a block at most
const int MOST_SPLITS = 64, MOST_PARTS = 4;
const int GROUP = 128;    // columns of a matrix that a warp takes at once
const u32 ONES = 0x3f803f80u, MAGIC = 0x43004300u, NIBBLES = 0x000f000fu;

DEVICE float wide(u16 v) { return __uint_as_float(u32(v) << 16); }
DEVICE float first(u32 v) { return __uint_as_float(v << 16); }
DEVICE float second(u32 v) { return __uint_as_float(v & 0xffff0000u); }

DEVICE u16 narrow(float v) {  // to the nearest, ties to even; NaN stays
    u32 b = __float_as_uint(v);
    if ((b & 0x7fffffffu) > 0x7f800000u) return 0x7fffu;
    return u16((b + 0x7fffu + ((b >> 16) & 1u)) >> 16);
}
DEVICE float rounded(float v) { return wide(narrow(v)); }
DEVICE u32 both(float one, float two) { return u32(narrow(one)) | u32(narrow(two)) << 16; }

DEVICE float over_warp(float v) {
    for (int by = 16; by; by >>= 1) v += __shfl_xor_sync(0xffffffffu, v, by);
    return v;
}

DEVICE int warps() { return blockDim.x / 32; }

DEVICE float over_block(float v, float* room) {  // room: WARPS floats
    v = over_warp(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = v;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < warps(); i++) sum += room[i];
    return sum;
}

enum { BF16, INT8, INT4 };

// What a lane has read of rows g and g + 8 of a tile: `deep` groups of columns, of each row so many loads.
template <int KIND> struct Held {
    static const int loads = KIND == BF16 ? 4 : KIND == INT8 ? 2 : 1, deep = KIND == BF16 ? 1 : 2;
    Four left[deep * loads], right[deep * loads];
    u32 left_scale[deep], right_scale[deep];
};

// That times x: `sum` is [row g: columns 2t, 2t + 1; row g + 8: the same].
DEVICE void products(Four a, Four b, Four x, float (&sum)[4]) {
    mma(sum, a.x, b.x, a.y, b.y, x.x, x.y);
    mma(sum, a.z, b.z, a.w, b.w, x.z, x.w);
}

DEVICE void products8(u32 a, u32 b, u32 x01, u32 x23, float (&low)[4], float (&high)[4], float (&one)[4]) {
    u32 even = bytes(x01, x23, 0x5410u), odd = bytes(x01, x23, 0x7632u);
    a ^= 0x80808080u, b ^= 0x80808080u;
    mma(low, a & NIBBLES | MAGIC, b & NIBBLES | MAGIC, a >> 8 & NIBBLES | MAGIC, b >> 8 & NIBBLES | MAGIC, even, odd);
    mma(high, a >> 4 & NIBBLES | MAGIC, b >> 4 & NIBBLES | MAGIC, a >> 12 & NIBBLES | MAGIC, b >> 12 & NIBBLES | MAGIC, even, odd);
    mma(one, ONES, ONES, ONES, ONES, even, odd);
}

DEVICE void products4(u32 a, u32 b, Four x, float (&sum)[4], float (&one)[4]) {
    u32 p0 = bytes(x.x, x.z, 0x7632u), p1 = bytes(x.x, x.z, 0x5410u);  // columns 1 5, 0 4, 3 7, 2 6
    u32 p2 = bytes(x.y, x.w, 0x7632u), p3 = bytes(x.y, x.w, 0x5410u);
    mma(sum, a & NIBBLES | MAGIC, b & NIBBLES | MAGIC, a >> 4 & NIBBLES | MAGIC, b >> 4 & NIBBLES | MAGIC, p0, p1);
    mma(sum, a >> 8 & NIBBLES | MAGIC, b >> 8 & NIBBLES | MAGIC, a >> 12 & NIBBLES | MAGIC, b >> 12 & NIBBLES | MAGIC, p2, p3);
    mma(one, ONES, ONES, ONES, ONES, p0, p1);
    mma(one, ONES, ONES, ONES, ONES, p2, p3);
}

// Groups at, at + warps, ... of rows [from, from + 16), those below `high`; nothing waits for them yet.
template <int KIND>
DEVICE void read(Held<KIND>& held, const Four* w, const u32* scales, int n, int k, int from, int at, int high) {
    const int loads = Held<KIND>::loads, lane = threadIdx.x % 32, groups = k / GROUP;
    const int row = min(from + lane / 4, n - 1), next = min(from + lane / 4 + 8, n - 1);
    const Four* a = w + (long long)row * groups * loads * 4 + lane % 4;
    const Four* b = w + (long long)next * groups * loads * 4 + lane % 4;
#pragma unroll
    for (int d = 0; d < Held<KIND>::deep; d++, at += warps()) {
        const bool is = at < high;
#pragma unroll
        for (int l = 0; l < loads; l++) {
            held.left[d * loads + l] = once(a + at * loads * 4 + l * 4, is);
            held.right[d * loads + l] = once(b + at * loads * 4 + l * 4, is);
        }
        if (KIND == INT4) {
            held.left_scale[d] = once(scales + (long long)at * n + row, is);
            held.right_scale[d] = once(scales + (long long)at * n + next, is);
        }
    }
}

// What was read times the activations of column g of this lane, which are `x` from group `low` on; added to `total`.
template <int KIND>
DEVICE void multiply(const Held<KIND>& held, int at, int low, int high, const u16* x, float (&total)[4]) {
    const int loads = Held<KIND>::loads, t = threadIdx.x % 4;
#pragma unroll
    for (int d = 0; d < Held<KIND>::deep; d++, at += warps()) {
        if (at >= high) break;
        const Four* xs = (const Four*)(x + (at - low) * GROUP);
        if (KIND == BF16) {
#pragma unroll
            for (int l = 0; l < loads; l++) products(held.left[d * loads + l], held.right[d * loads + l], xs[l * 4 + t], total);
        }
        if (KIND == INT8) {
            float lower[4] = {0, 0, 0, 0}, upper[4] = {0, 0, 0, 0}, one[4] = {0, 0, 0, 0};
#pragma unroll
            for (int l = 0; l < loads; l++) {
                Four p = held.left[d * loads + l], q = held.right[d * loads + l];
                Four x0 = xs[(l * 4 + t) * 2], x1 = xs[(l * 4 + t) * 2 + 1];
                products8(p.x, q.x, x0.x, x0.y, lower, upper, one);
                products8(p.y, q.y, x0.z, x0.w, lower, upper, one);
                products8(p.z, q.z, x1.x, x1.y, lower, upper, one);
                products8(p.w, q.w, x1.z, x1.w, lower, upper, one);
            }
            for (int i = 0; i < 4; i++) total[i] += 16 * upper[i] + lower[i] - 2304 * one[i];  // (128 + h) 16 + 128 + l - 128
        }
        if (KIND == INT4) {
            float sum[4] = {0, 0, 0, 0}, one[4] = {0, 0, 0, 0};
            Four p = held.left[d], q = held.right[d];
            products4(p.x, q.x, xs[t * 4], sum, one);
            products4(p.y, q.y, xs[t * 4 + 1], sum, one);
            products4(p.z, q.z, xs[t * 4 + 2], sum, one);
            products4(p.w, q.w, xs[t * 4 + 3], sum, one);
            for (int i = 0; i < 4; i++) {
                u32 s = i < 2 ? held.left_scale[d] : held.right_scale[d];  // (code - 8) scale + zero
                total[i] += first(s) * (sum[i] - 136 * one[i]) + second(s) * one[i];
            }
        }
    }
}

// Two streams of reads are under way at any time. Of a pair of tiles, sixteen rows from `from` and from `other` on, each has one;
// of one tile every second turn is each one's.
template <int KIND, bool PAIR> struct Tile {
    Held<KIND> one, two;

    DEVICE_IN void begin(const Four* w, const u32* scales, int n, int k, int from, int other, int low, int high) {
        const int at = low + threadIdx.x / 32, step = warps() * Held<KIND>::deep;
        read(one, w, scales, n, k, from, at, high);
        read(two, w, scales, n, k, PAIR ? other : from, PAIR ? at : at + step, high);
    }

    // This warp's share of the products; without PAIR, `more` is a part of `total`.
    DEVICE_IN void go(const Four* w, const u32* scales, int n, int k, int from, int other, int low, int high, const u16* x,
                      float (&total)[4], float (&more)[4]) {
        const int step = warps() * Held<KIND>::deep, beside = PAIR ? 0 : step, onward = PAIR ? step : 2 * step;
        for (int i = 0; i < 4; i++) total[i] = more[i] = 0;
#pragma unroll 1
        for (int at = low + threadIdx.x / 32; at < high; at += onward) {
            multiply(one, at, low, high, x, total);
            read(one, w, scales, n, k, from, at + onward, high);
            multiply(two, at + beside, low, high, x, more);
            read(two, w, scales, n, k, PAIR ? other : from, at + beside + onward, high);
        }
        if (!PAIR)
            for (int i = 0; i < 4; i++) total[i] += more[i];
    }
};

// The shares of all warps together: sums[row][column] of sixteen rows, in `room` [WARPS][16][8].
DEVICE void share(const float (&total)[4], float* room) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    float* own = room + warp * 128;
    own[g * 8 + 2 * t] = total[0], own[g * 8 + 2 * t + 1] = total[1];
    own[(g + 8) * 8 + 2 * t] = total[2], own[(g + 8) * 8 + 2 * t + 1] = total[3];
}

// What row `of` of the matrix gives, which is row `row` of a tile.
template <int KIND>
DEVICE float gathered(const float* room, int row, int column, const void* scales, int of) {
    float sum = 0;
    for (int w = 0; w < warps(); w++) sum += room[w * 128 + row * 8 + column];
    return KIND == INT8 ? sum * ((const float*)scales)[of] : sum;
}

// y[column][row] = W x[column], of at most 8 columns; `x` [columns, K], `y` [columns, N] bfloat16.
template <int KIND>
DEVICE void rows(const Four* w, const void* scales, int n, int k, const u16* x, u16* y, int columns) {
    SHARED float room[WARPS * 128];
    const int g = threadIdx.x % 32 / 4, groups = k / GROUP;
    const u32* few = (const u32*)scales;
    const u16* own = x + (long long)(g < columns ? g : 0) * k;
    Tile<KIND, false> tile;
    tile.begin(w, few, n, k, blockIdx.x * 16, 0, 0, groups);
    let_next();
    wait_before();
    for (int from = blockIdx.x * 16; from < n; from += gridDim.x * 16) {
        float total[4], more[4];
        tile.go(w, few, n, k, from, 0, 0, groups, own, total, more);
        tile.begin(w, few, n, k, from + gridDim.x * 16, 0, 0, from + gridDim.x * 16 < n ? groups : 0);
        __syncthreads();
        share(total, room);
        __syncthreads();
        if (threadIdx.x < 128) {
            int column = threadIdx.x / 16, row = threadIdx.x % 16;
            if (column < columns && from + row < n)
                y[(long long)column * n + from + row] = narrow(gathered<KIND>(room, row, column, scales, from + row));
        }
    }
}

// Activations from group `low` on into the block's own memory.
DEVICE const u16* held(const u16* x, int low, int high) {
    SHARED_OF_CALL(memory);
    const Four* from = (const Four*)(x + low * GROUP);
    for (int i = threadIdx.x; i < (high - low) * (GROUP / 8); i += blockDim.x) memory[i] = from[i];
    __syncthreads();
    return (const u16*)memory;
}

// The residual stream goes on by what a matrix gave in several parts, and is evened for the next matrix: then = x + even(W x) ·
// gain_added, and even(then) · gain in the block's own memory. Every block does it for itself; the first keeps `then`. Without
// `part` the stream only begins. Gains are what is added to one, as published. A thread takes PAIRS pairs of numbers at most, all
// of which it reads before anything else.
template <int PAIRS>
DEVICE const u16* settled(const u16* x, const float* part, int parts, const u16* gain_added, const u16* gain, u16* then, int k,
                          float eps, float* room) {
    SHARED_OF_CALL(memory);
    u32* h = (u32*)memory;
    u32 stream[PAIRS], by[PAIRS], next[PAIRS];
    Two v[PAIRS];
    float squares = 0, factor = 0;
#pragma unroll
    for (int e = 0; e < PAIRS; e++) {
        const int i = threadIdx.x + e * blockDim.x;
        const bool is = 2 * i < k, more = is && part;
        stream[e] = is ? ((const u32*)x)[i] : 0, next[e] = is ? ((const u32*)gain)[i] : 0;
        by[e] = more ? ((const u32*)gain_added)[i] : 0;
        v[e].x = v[e].y = 0;
#pragma unroll
        for (int p = 0; p < MOST_PARTS; p++)
            if (more && p < parts) {
                Two found = fresh((const Two*)(part + (long long)p * k) + i);
                v[e].x += found.x, v[e].y += found.y;
            }
    }
    if (part) {
#pragma unroll
        for (int e = 0; e < PAIRS; e++) {
            v[e].x = rounded(v[e].x), v[e].y = rounded(v[e].y);
            squares += v[e].x * v[e].x + v[e].y * v[e].y;
        }
        factor = rsqrtf(over_block(squares, room) / k + eps);
        squares = 0;
    }
#pragma unroll
    for (int e = 0; e < PAIRS; e++) {
        const int i = threadIdx.x + e * blockDim.x;
        v[e].x = rounded(first(stream[e]) + rounded(v[e].x * factor * (1 + first(by[e]))));
        v[e].y = rounded(second(stream[e]) + rounded(v[e].y * factor * (1 + second(by[e]))));
        squares += v[e].x * v[e].x + v[e].y * v[e].y;
        if (blockIdx.x == 0 && 2 * i < k) ((u32*)then)[i] = both(v[e].x, v[e].y);
    }
    factor = rsqrtf(over_block(squares, room) / k + eps);
#pragma unroll
    for (int e = 0; e < PAIRS; e++) {
        const int i = threadIdx.x + e * blockDim.x;
        if (2 * i < k) h[i] = both(v[e].x * factor * (1 + first(next[e])), v[e].y * factor * (1 + second(next[e])));
    }
    __syncthreads();
    return (const u16*)memory;
}

DEVICE float gelu(float v) { return 0.5f * v * (1 + tanhf(0.7978845608028654f * (v + 0.044715f * v * v * v))); }

enum { PLAIN, GATED };

// W times what `settled` makes. PLAIN: y float32 [n]. GATED: y bfloat16 [n / 2], gelu(row i) · row n / 2 + i.
template <int KIND, int END, int PAIRS>
DEVICE void ended(const Four* w, const void* scales, int n, int k, const u16* x, const float* part, int parts, const u16* gain_added,
                  const u16* gain, u16* then, void* y, float eps) {
    SHARED float room[(END == GATED ? 2 : 1) * WARPS * 128];
    const int made = END == GATED ? n / 2 : n, groups = k / GROUP;
    const u32* few = (const u32*)scales;
    Tile<KIND, END == GATED> tile;
    tile.begin(w, few, n, k, blockIdx.x * 16, made + blockIdx.x * 16, 0, groups);
    let_next();
    wait_before();
    x = settled<PAIRS>(x, part, parts, gain_added, gain, then, k, eps, room);
    for (int from = blockIdx.x * 16, next; from < made; from = next) {
        float total[4], more[4];
        next = from + gridDim.x * 16;
        tile.go(w, few, n, k, from, made + from, 0, groups, x, total, more);
        tile.begin(w, few, n, k, next, made + next, 0, next < made ? groups : 0);
        __syncthreads();
        share(total, room);
        if (END == GATED) share(more, room + WARPS * 128);
        __syncthreads();
        int row = from + threadIdx.x;
        if (threadIdx.x < 16 && row < made) {
            float sum = gathered<KIND>(room, threadIdx.x, 0, scales, row);
            if (END != GATED) ((float*)y)[row] = sum;
            if (END == GATED) {
                float up = gathered<KIND>(room + WARPS * 128, threadIdx.x, 0, scales, made + row);
                ((u16*)y)[row] = narrow(rounded(gelu(rounded(sum))) * rounded(up));
            }
        }
    }
}

// One tile of W x over one of gridDim.y parts of the columns: part [parts, n].
template <int KIND>
DEVICE void parted(const Four* w, const void* scales, int n, int k, const u16* x, float* part) {
    SHARED float room[WARPS * 128];
    const int groups = k / GROUP, from = blockIdx.x * 16;
    const int low = groups * blockIdx.y / gridDim.y, high = groups * (blockIdx.y + 1) / gridDim.y;
    Tile<KIND, false> tile;
    tile.begin(w, (const u32*)scales, n, k, from, 0, low, high);
    let_next();
    wait_before();
    float total[4], more[4];
    tile.go(w, (const u32*)scales, n, k, from, 0, low, high, held(x, low, high), total, more);
    share(total, room);
    __syncthreads();
    int row = from + threadIdx.x;
    if (threadIdx.x < 16 && row < n) part[(long long)blockIdx.y * n + row] = gathered<KIND>(room, threadIdx.x, 0, scales, row);
}

// The matrix in bfloat16, rows [from, from + count): int8 without its scales, int4 with scale and zero.
DEVICE void unpack8(const u32* w, u32* plain, long long words) {
    let_next();
    wait_before();
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < words; i += (long long)gridDim.x * blockDim.x) {
        u32 v = w[i];
        u32 two[2];
        for (int j = 0; j < 4; j += 2) {
            two[j / 2] = both(float((signed char)(v >> 8 * j)), float((signed char)(v >> (8 * j + 8))));
        }
        plain[2 * i] = two[0], plain[2 * i + 1] = two[1];
    }
}

DEVICE void unpack4(const u32* w, const u32* scales, Four* plain, int n, int k, int from, int count) {
    const int words = k / 8;
    const long long all = (long long)count * words;
    let_next();
    wait_before();
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < all; i += (long long)gridDim.x * blockDim.x) {
        int row = from + int(i / words), word = int(i % words);
        u32 v = w[(long long)row * words + word], s = scales[(long long)(word * 8 / GROUP) * n + row];
        u32 out[4];
        for (int j = 0; j < 4; j++) {
            u32 pair = v >> 8 * j & 0xffu;
            float even = (float(pair >> 4) - 8) * first(s) + second(s), odd = (float(pair & 15u) - 8) * first(s) + second(s);
            out[j] = both(even, odd);
        }
        Four made;
        made.x = out[0], made.y = out[1], made.z = out[2], made.w = out[3];
        plain[i] = made;
    }
}

// x = embedding[token] · scale; cosines and sines of both kinds of layers at this position, [kind][cosines, sines][half].
DEVICE void begin(const u16* embedding, const long long* token, const long long* position, float scale, u16* x, int hidden,
                  const float* windowed, const float* global, float windowed_scale, float global_scale, float* turns, int half) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    let_next();
    wait_before();
    if (i < hidden) x[i] = narrow(wide(embedding[*token * hidden + i]) * scale);
    if (i < 2 * half) {
        int kind = i / half, at = i % half;
        float angle = float(*position) * (kind ? windowed : global)[at], times = kind ? windowed_scale : global_scale;
        turns[kind * 2 * half + at] = rounded(cosf(angle) * times);
        turns[kind * 2 * half + half + at] = rounded(sinf(angle) * times);
    }
}

// One head evened and turned by a warp, whose lanes hold numbers lane, lane + 32, ...; `turn` is [cosines, sines][WIDTH / 2].
template <int WIDTH>
DEVICE void evened(float (&v)[WIDTH / 32], const float* gain, const float* turn, float eps) {
    const int each = WIDTH / 32, lane = threadIdx.x % 32;
    float squares = 0;
    for (int j = 0; j < each; j++) squares += v[j] * v[j];
    float factor = rsqrtf(over_warp(squares) / WIDTH + eps);
    for (int j = 0; j < each; j++) v[j] = rounded(v[j] * factor * gain[32 * j + lane]);
    for (int j = 0; j < each / 2; j++) {
        float cosine = turn[32 * j + lane], sine = turn[WIDTH / 2 + 32 * j + lane], low = v[j], high = v[j + each / 2];
        v[j] = rounded(rounded(low * cosine) - rounded(high * sine));
        v[j + each / 2] = rounded(rounded(high * cosine) + rounded(low * sine));
    }
}

// Attention of one new position. Block (key head, split) evens and turns the queries that share this key head, puts the new key
// and value into the cache if its part of the places holds their slot, and looks at that part; the last block of a key head puts
// the parts together. `qkv` float32 [queries, keys, values]; `part` [heads, splits, 2 + WIDTH], `done` [key heads], zero before and
// after.
template <int WIDTH, int SHARING>
DEVICE void attend(const float* qkv, const float* gains, const float* turns, u16* keys, u16* values, const long long* position,
                   int places, int windowed, float eps, float scale, float* part, u32* done, u16* seen) {
    const int each = WIDTH / 32, pairs = each / 2, lane = threadIdx.x % 32, warp = threadIdx.x / 32, deep = 4;
    SHARED float queries[SHARING][WIDTH];
    SHARED float peaks[WARPS][SHARING], weights[WARPS][SHARING], sums[WARPS][SHARING][WIDTH];
    SHARED float shares[SHARING][MOST_SPLITS];
    SHARED bool last;
    const int head = blockIdx.x, heads = gridDim.x, split = blockIdx.y, splits = gridDim.y;
    let_next();
    const long long at = *position;  // of this step since before its first kernel
    wait_before();
    const int filled = int(min(at + 1, (long long)places)), slot = int(windowed ? at % places : at);
    const int used = min(splits, (filled + WARPS * deep - 1) / (WARPS * deep));  // no block for fewer places than its warps take
    if (split >= used) return;
    const int span = (filled + used - 1) / used, from = min(split * span, filled), to = min(from + span, filled);
    const float* turn = turns + (windowed ? 2 : 0) * (WIDTH / 2);
    keys += (long long)head * places * WIDTH, values += (long long)head * places * WIDTH;
    for (int task = warp; task < SHARING + 2; task += WARPS) {
        if (task < SHARING) {
            float out[each];
            int own = head * SHARING + task;
            for (int j = 0; j < each; j++) out[j] = rounded(fresh(qkv + own * WIDTH + 32 * j + lane));
            evened<WIDTH>(out, gains + own * WIDTH, turn, eps);
            for (int j = 0; j < each; j++) queries[task][32 * j + lane] = out[j] * scale;
        } else if (slot >= from && slot < to) {
            int own = heads * SHARING + head;
            if (task == SHARING) {
                float out[each];
                for (int j = 0; j < each; j++) out[j] = rounded(fresh(qkv + own * WIDTH + 32 * j + lane));
                evened<WIDTH>(out, gains + own * WIDTH, turn, eps);
                for (int j = 0; j < each; j++) keys[(long long)slot * WIDTH + 32 * j + lane] = narrow(out[j]);
            } else {
                for (int j = 0; j < each; j++)
                    values[(long long)slot * WIDTH + 32 * j + lane] = narrow(fresh(qkv + (own + heads) * WIDTH + 32 * j + lane));
            }
        }
    }
    __syncthreads();
    float query[SHARING][each], peak[SHARING], weight[SHARING], sum[SHARING][each];
    for (int q = 0; q < SHARING; q++) {
        peak[q] = -1e30f, weight[q] = 0;
        for (int j = 0; j < each; j++) query[q][j] = queries[q][lane * each + j], sum[q][j] = 0;
    }
    for (int begin = from + warp * deep; begin < to; begin += WARPS * deep) {
        u32 key[deep][pairs], value[deep][pairs];
        float score[deep][SHARING];
#pragma unroll
        for (int d = 0; d < deep; d++) {
            int place = min(begin + d, to - 1);
            const u32* k = (const u32*)(keys + (long long)place * WIDTH) + lane * pairs;
            const u32* v = (const u32*)(values + (long long)place * WIDTH) + lane * pairs;
#pragma unroll
            for (int j = 0; j < pairs; j++) key[d][j] = k[j], value[d][j] = v[j];
        }
#pragma unroll
        for (int d = 0; d < deep; d++)
#pragma unroll
            for (int q = 0; q < SHARING; q++) {
                float dot = 0;
#pragma unroll
                for (int j = 0; j < pairs; j++) dot += first(key[d][j]) * query[q][2 * j] + second(key[d][j]) * query[q][2 * j + 1];
                dot = over_warp(dot);
                score[d][q] = begin + d < to ? dot : -1e30f;
            }
#pragma unroll
        for (int q = 0; q < SHARING; q++) {
            float top = peak[q];
            for (int d = 0; d < deep; d++) top = score[d][q] != score[d][q] ? score[d][q] : fmaxf(top, score[d][q]);
            float fade = expf(peak[q] - top);
            peak[q] = top, weight[q] *= fade;
            for (int j = 0; j < each; j++) sum[q][j] *= fade;
#pragma unroll
            for (int d = 0; d < deep; d++) {
                float p = begin + d < to ? expf(score[d][q] - top) : 0;
                weight[q] += p;
#pragma unroll
                for (int j = 0; j < pairs; j++) {
                    sum[q][2 * j] += p * first(value[d][j]);
                    sum[q][2 * j + 1] += p * second(value[d][j]);
                }
            }
        }
    }
    for (int q = 0; q < SHARING; q++) {
        if (lane == 0) peaks[warp][q] = peak[q], weights[warp][q] = weight[q];
        for (int j = 0; j < each; j++) sums[warp][q][lane * each + j] = sum[q][j];
    }
    __syncthreads();
    for (int i = threadIdx.x; i < SHARING * WIDTH; i += WARPS * 32) {
        int q = i / WIDTH, d = i % WIDTH;
        float top = -1e30f, all = 0, out = 0;
        for (int w = 0; w < WARPS; w++) top = fmaxf(top, peaks[w][q]);
        for (int w = 0; w < WARPS; w++) {
            float p = expf(peaks[w][q] - top);
            all += p * weights[w][q], out += p * sums[w][q][d];
        }
        float* own = part + ((long long)(head * SHARING + q) * splits + split) * (WIDTH + 2);
        own[2 + d] = out;
        if (d == 0) own[0] = top, own[1] = all;
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(done + head, 1u) == u32(used - 1);
    __syncthreads();
    if (!last) return;
    __threadfence();
    const int values_each = SHARING * WIDTH > WARPS * 32 ? SHARING * WIDTH / (WARPS * 32) : 1, near = 32;
    float piece[values_each][near];  // read before it is known what they count
#pragma unroll
    for (int e = 0; e < values_each; e++) {
        const int i = threadIdx.x + e * WARPS * 32;
        const float* own = part + (long long)(head * SHARING + i / WIDTH) * splits * (WIDTH + 2) + 2 + i % WIDTH;
#pragma unroll
        for (int s = 0; s < near; s++) piece[e][s] = i < SHARING * WIDTH && s < used ? fresh(own + s * (WIDTH + 2)) : 0;
    }
    for (int q = warp; q < SHARING; q += WARPS) {
        const float* own = part + (long long)(head * SHARING + q) * splits * (WIDTH + 2);
        const bool one = lane < used, two = lane + 32 < used;
        float peak_one = one ? fresh(own + lane * (WIDTH + 2)) : -1e30f, all = one ? fresh(own + lane * (WIDTH + 2) + 1) : 0;
        float peak_two = two ? fresh(own + (lane + 32) * (WIDTH + 2)) : -1e30f;
        float all_two = two ? fresh(own + (lane + 32) * (WIDTH + 2) + 1) : 0, nan = (peak_one - peak_one) + (peak_two - peak_two);
        float top = fmaxf(peak_one, peak_two);
        for (int by = 16; by; by >>= 1) top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, by));
        float share_one = expf(peak_one - top) + nan, share_two = expf(peak_two - top) + nan;
        all = over_warp(share_one * all + share_two * all_two);
        shares[q][lane] = share_one / all, shares[q][lane + 32] = share_two / all;
    }
    __syncthreads();
#pragma unroll
    for (int e = 0; e < values_each; e++) {
        const int i = threadIdx.x + e * WARPS * 32, q = i / WIDTH;
        if (i >= SHARING * WIDTH) break;
        const float* own = part + (long long)(head * SHARING + q) * splits * (WIDTH + 2) + 2 + i % WIDTH;
        float out = 0;
#pragma unroll
        for (int s = 0; s < near; s++) out += shares[q][s] * piece[e][s];
        for (int s = near; s < used; s++) out += shares[q][s] * fresh(own + s * (WIDTH + 2));
        seen[head * SHARING * WIDTH + i] = narrow(out);
    }
    if (threadIdx.x == 0) done[head] = 0;
}

// What lies between the matrices where many places are read at once. One block a place: x += even(added) · gain_added where there
// is something added, h = even(x) · gain; all [places, k].
template <int EACH>
DEVICE void settle(u16* x, const u16* added, const float* gain_added, const float* gain, u16* h, int k, float eps) {
    SHARED float room[WARPS];
    const long long from = (long long)blockIdx.x * k;
    x += from, h += from, added += added ? from : 0;
    let_next();
    wait_before();
    float v[EACH], plus[EACH], by[EACH], then[EACH], squares = 0, factor = 0;
#pragma unroll
    for (int e = 0; e < EACH; e++) {
        int i = threadIdx.x + e * blockDim.x;
        bool is = i < k, more = is && added;
        v[e] = is ? wide(x[i]) : 0, then[e] = is ? gain[i] : 0;
        plus[e] = more ? wide(added[i]) : 0, by[e] = more ? gain_added[i] : 0;
    }
    if (added) {
#pragma unroll
        for (int e = 0; e < EACH; e++) squares += plus[e] * plus[e];
        factor = rsqrtf(over_block(squares, room) / k + eps);
        squares = 0;
    }
#pragma unroll
    for (int e = 0; e < EACH; e++) v[e] = rounded(v[e] + rounded(plus[e] * factor * by[e])), squares += v[e] * v[e];
    factor = rsqrtf(over_block(squares, room) / k + eps);
#pragma unroll
    for (int e = 0; e < EACH; e++) {
        int i = threadIdx.x + e * blockDim.x;
        if (i < k) {
            if (added) x[i] = narrow(v[e]);
            h[i] = narrow(v[e] * factor * then[e]);
        }
    }
}

// qkv [places, queries, keys, values] apart, queries and keys evened and turned: q [heads, places, WIDTH]; k and v into a cache
// [key heads, room, WIDTH] from slot `start` on, round its end. A warp does a head of a place; `turns` is [places, cosines,
// sines][WIDTH / 2]. Where there are more places than room the last ones stay.
template <int WIDTH>
DEVICE void apart(const u16* qkv, const float* gains, const float* turns, u16* q, u16* k, u16* v, int heads, int kv_heads, int room,
                  int start, float eps) {
    const int each = WIDTH / 32, lane = threadIdx.x % 32, place = blockIdx.x, places = gridDim.x;
    const int head = blockIdx.y * warps() + threadIdx.x / 32, all = heads + 2 * kv_heads;
    let_next();
    wait_before();
    if (head >= all) return;
    const u16* from = qkv + ((long long)place * all + head) * WIDTH;
    float own[each];
    for (int j = 0; j < each; j++) own[j] = wide(from[32 * j + lane]);
    if (head < heads + kv_heads) evened<WIDTH>(own, gains + head * WIDTH, turns + (long long)place * WIDTH, eps);
    u16* to;
    if (head < heads) {
        to = q + ((long long)head * places + place) * WIDTH;
    } else {
        if (place < places - room) return;
        int at = head - heads, slot = (start + place) % room;
        to = (at < kv_heads ? k : v) + ((long long)(at % kv_heads) * room + slot) * WIDTH;
    }
    for (int j = 0; j < each; j++) to[32 * j + lane] = narrow(own[j]);
}

// gelu(first half) · second half of each row: [places, 2 n] to [places, n]; a block does 1024 pairs of numbers of a place.
DEVICE void gate(const u32* halves, u32* y, int n) {
    const long long place = blockIdx.y;
    let_next();
    wait_before();
    halves += place * n, y += place * n / 2;
#pragma unroll
    for (int e = 0; e < 4; e++) {
        int i = blockIdx.x * 1024 + e * 256 + threadIdx.x;
        if (i >= n / 2) break;
        u32 g = halves[i], up = halves[n / 2 + i];
        y[i] = both(rounded(gelu(first(g))) * first(up), rounded(gelu(second(g))) * second(up));
    }
}

#ifndef EMULATED
#define KERNEL(NAME) extern "C" __global__ void __launch_bounds__(256, 2) NAME
#else
#define KERNEL(NAME) extern "C" void NAME
#endif

#define ENDED(NAME, KIND, END, PAIRS)                                                                                            \
    KERNEL(NAME)(const Four* w, const void* scales, int n, int k, const u16* x, const float* part, int parts,                    \
                 const u16* gain_added, const u16* gain, u16* then, void* y, float eps) {                                        \
        ended<KIND, END, PAIRS>(w, scales, n, k, x, part, parts, gain_added, gain, then, y, eps);                                \
    }

#define MATRICES(WORD, KIND)                                                                                                     \
    KERNEL(rows_##WORD)(const Four* w, const void* scales, int n, int k, const u16* x, u16* y, int columns) {                    \
        rows<KIND>(w, scales, n, k, x, y, columns);                                                                              \
    }                                                                                                                            \
    KERNEL(parted_##WORD)(const Four* w, const void* scales, int n, int k, const u16* x, float* part) {                          \
        parted<KIND>(w, scales, n, k, x, part);                                                                                  \
    }                                                                                                                            \
    ENDED(settled_##WORD, KIND, PLAIN, 6)                                                                                        \
    ENDED(settled_wide_##WORD, KIND, PLAIN, 11)                                                                                  \
    ENDED(gated_##WORD, KIND, GATED, 6)                                                                                          \
    ENDED(gated_wide_##WORD, KIND, GATED, 11)

#define ATTENTION(WIDTH, SHARING)                                                                                                \
    KERNEL(attend_##WIDTH##_##SHARING)(const float* qkv, const float* gains, const float* turns, u16* keys, u16* values,         \
                                       const long long* position, int places, int windowed, float eps, float scale,              \
                                       float* part, u32* done, u16* seen) {                                                      \
        attend<WIDTH, SHARING>(qkv, gains, turns, keys, values, position, places, windowed, eps, scale, part, done, seen);       \
    }

#define SETTLE(NAME, EACH)                                                                                                       \
    KERNEL(NAME)(u16* x, const u16* added, const float* gain_added, const float* gain, u16* h, int k, float eps) {               \
        settle<EACH>(x, added, gain_added, gain, h, k, eps);                                                                     \
    }

#define APART(WIDTH)                                                                                                             \
    KERNEL(apart_##WIDTH)(const u16* qkv, const float* gains, const float* turns, u16* q, u16* k, u16* v, int heads,             \
        int kv_heads, int room, int start, float eps) {                                                                          \
        apart<WIDTH>(qkv, gains, turns, q, k, v, heads, kv_heads, room, start, eps);                                             \
    }

APART(256)
APART(128)
APART(64)

MATRICES(none, BF16)
MATRICES(int8, INT8)
MATRICES(int4, INT4)

KERNEL(unpack_int8)(const u32* w, u32* plain, long long words) { unpack8(w, plain, words); }
KERNEL(unpack_int4)(const u32* w, const u32* scales, Four* plain, int n, int k, int from, int count) {
    unpack4(w, scales, plain, n, k, from, count);
}
KERNEL(begin_token)(const u16* embedding, const long long* token, const long long* position, float scale, u16* x, int hidden,
                    const float* windowed, const float* global, float windowed_scale, float global_scale, float* turns, int half) {
    begin(embedding, token, position, scale, x, hidden, windowed, global, windowed_scale, global_scale, turns, half);
}

SETTLE(settle_places, 12)
SETTLE(settle_wide_places, 22)
KERNEL(gate_places)(const u32* halves, u32* y, int n) { gate(halves, y, n); }

ATTENTION(256, 2)
ATTENTION(128, 2)
ATTENTION(64, 2)
