// step.cu on a processor: every thread of a block is a fiber, blocks run one after the other. What a warp does together follows
// the layouts of the PTX manual (mma.m16n8k16: 9.7.14.5.8), so that the arithmetic and the places of all numbers can be tested
// where there is no card.

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <vector>

#define EMULATED
#define DEVICE static inline
#define DEVICE_IN
#define SHARED static
#define SHARED_OF_CALL(NAME) extern Four NAME[]
using std::max;
using std::min;
struct alignas(16) Four { unsigned x, y, z, w; };
struct alignas(8) Two { float x, y; };
struct Place { unsigned x, y, z; };

static Place threadIdx, blockIdx, blockDim, gridDim;
extern Four memory[];
Four memory[1 << 14];

struct Fiber {
    ucontext_t context;  // for its beginning; afterwards it is left and entered by jumps, which ask nothing of the system
    jmp_buf jump;
    std::vector<char> stack;
    bool begun, over;
};
static std::vector<Fiber> fibers;
static jmp_buf back;
static unsigned current, living, arrived, turn_of_block, warp_arrived[64], turn_of_warp[64];

static void pause_fiber() {
    if (!_setjmp(fibers[current].jump)) _longjmp(back, 1);
}

static void __syncthreads() {
    unsigned turn = turn_of_block;
    if (++arrived == living) arrived = 0, turn_of_block++;
    while (turn == turn_of_block) pause_fiber();
}
static void meet() {
    unsigned warp = threadIdx.x / 32, turn = turn_of_warp[warp];
    if (++warp_arrived[warp] == 32) warp_arrived[warp] = 0, turn_of_warp[warp]++;
    while (turn == turn_of_warp[warp]) pause_fiber();
}
static void __threadfence() {}

static float shown[64][32];
static float __shfl_xor_sync(unsigned, float v, int by) {
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    shown[warp][lane] = v;
    meet();
    float found = shown[warp][lane ^ by];
    meet();
    return found;
}
static float __uint_as_float(unsigned v) { float f; memcpy(&f, &v, 4); return f; }
static unsigned __float_as_uint(float v) { unsigned u; memcpy(&u, &v, 4); return u; }
static float rsqrtf(float v) { return 1 / sqrtf(v); }
static unsigned atomicAdd(unsigned* at, unsigned by) { unsigned was = *at; *at += by; return was; }

static unsigned left_side[64][32][4], right_side[64][32][2];
static double half_of(unsigned word, int which) { return __uint_as_float(which ? word & 0xffff0000u : word << 16); }
static void mma(float (&c)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0, unsigned b1) {
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    unsigned a[4] = {a0, a1, a2, a3};
    memcpy(left_side[warp][lane], a, sizeof a);
    right_side[warp][lane][0] = b0, right_side[warp][lane][1] = b1;
    meet();
    for (int i = 0; i < 4; i++) {
        int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
        double sum = 0;
        for (int k = 0; k < 16; k++) {
            unsigned left = left_side[warp][row % 8 * 4 + k % 8 / 2][(row >= 8) + 2 * (k >= 8)];
            unsigned right = right_side[warp][column * 4 + k % 8 / 2][k >= 8];
            sum += half_of(left, k % 2) * half_of(right, k % 2);
        }
        c[i] = float(c[i] + sum);
    }
    meet();
}
static Four once(const Four* from, bool is) { return is ? *from : Four(); }
static unsigned once(const unsigned* from, bool is) { return is ? *from : 0; }
static void let_next() {}
static void wait_before() {}
static unsigned bytes(unsigned low, unsigned high, unsigned which) {
    uint64_t both = uint64_t(high) << 32 | low;
    unsigned found = 0;
    for (int i = 0; i < 4; i++) found |= unsigned(both >> 8 * (which >> 4 * i & 7) & 255) << 8 * i;
    return found;
}
static float fresh(const float* from) { return *from; }
static Two fresh(const Two* from) { return *from; }

#include "../../inference/cuda/step.cu"

typedef void (*Kernel)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t, uint64_t, uint64_t, uint64_t, float, float, float, float);
static Kernel kernel;
static const uint64_t* integers;
static const float* fractions;

static void body() {
    const uint64_t* i = integers;  // whole numbers and fractions travel apart, so their order among each other does not matter
    kernel(i[0], i[1], i[2], i[3], i[4], i[5], i[6], i[7], i[8], i[9], i[10], i[11], i[12], i[13], fractions[0],
           fractions[1], fractions[2], fractions[3]);
    fibers[current].over = true;
    living--;
    pause_fiber();
}

extern "C" void launch(void* function, int columns, int rows, int threads, const uint64_t* own, const float* floats) {
    kernel = (Kernel)function, integers = own, fractions = floats;
    if (fibers.size() != size_t(threads)) fibers = std::vector<Fiber>(threads);
    gridDim = {unsigned(columns), unsigned(rows), 1}, blockDim = {unsigned(threads), 1, 1};
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            blockIdx = {unsigned(x), unsigned(y), 0};
            living = threads, arrived = 0;
            memset(warp_arrived, 0, sizeof warp_arrived);
            for (auto& one : fibers) {
                one.begun = one.over = false;
                one.stack.resize(1 << 16);
                getcontext(&one.context);
                one.context.uc_stack.ss_sp = one.stack.data(), one.context.uc_stack.ss_size = one.stack.size();
                one.context.uc_link = nullptr;
                makecontext(&one.context, body, 0);
            }
            while (living)
                for (current = 0; current < unsigned(threads); current++)
                    if (!fibers[current].over) {
                        threadIdx = {current, 0, 0};
                        if (_setjmp(back)) continue;
                        if (fibers[current].begun) _longjmp(fibers[current].jump, 1);
                        fibers[current].begun = true;
                        setcontext(&fibers[current].context);
                    }
        }
}
