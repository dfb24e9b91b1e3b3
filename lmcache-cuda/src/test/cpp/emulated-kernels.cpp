/*
 * The kernels, run on the CPU: the sources of src/main/cuda compiled as C++, a thread of a block being a fiber. Device
 * memory is host memory. Blocks run one after the other, and the fibers of a block in turns, switching where threads
 * wait for each other, so that every run is the same.
 */
#include <csetjmp>
#include <cstring>
#include <ucontext.h>
#include <vector>

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, blockDim;

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};

namespace {

const unsigned WARP = 32;
const unsigned MAX_THREADS = 1024;
const size_t STACK_BYTES = 64 * 1024;

/* Where so many fibers wait for each other, again and again. */
struct Barrier {
    unsigned arrived;
    unsigned round;
};

struct Warp {
    Barrier barrier;
    /* Two sets: a lane that is past one shuffle may write for the next while others still read. */
    unsigned values[2][WARP];
    unsigned shuffles[WARP];
};

/* A context gives a fiber its stack; from then on it jumps, since switching contexts is a system call. */
struct Fiber {
    ucontext_t start;
    jmp_buf place;
    bool started;
    bool finished;
};

jmp_buf scheduler;
Fiber fibers[MAX_THREADS];
std::vector<char> stacks(MAX_THREADS *STACK_BYTES);
Barrier blockBarrier;
Warp warps[MAX_THREADS / WARP];

void (*body)(const void *parameter);
const void *argument;

/* Leaves the fiber until its next turn. */
void yield() {
    if (_setjmp(fibers[threadIdx.x].place) == 0) {
        _longjmp(scheduler, 1);
    }
}

/* Gives the fiber a turn. */
void resume(Fiber &fiber) {
    if (_setjmp(scheduler) != 0) {
        return;
    }
    if (fiber.started) {
        _longjmp(fiber.place, 1);
    }
    fiber.started = true;
    setcontext(&fiber.start);
}

void await(Barrier &barrier, unsigned expected) {
    if (++barrier.arrived == expected) {
        barrier.arrived = 0;
        barrier.round++;
        return;
    }
    const unsigned round = barrier.round;
    while (barrier.round == round) {
        yield();
    }
}

void __syncthreads() {
    await(blockBarrier, blockDim.x);
}

unsigned shuffle(unsigned value, unsigned source) {
    Warp &warp = warps[threadIdx.x / WARP];
    const unsigned set = warp.shuffles[threadIdx.x % WARP]++ % 2;
    warp.values[set][threadIdx.x % WARP] = value;
    await(warp.barrier, WARP);
    return warp.values[set][source];
}

unsigned __shfl_sync(unsigned, unsigned value, unsigned source, unsigned width) {
    const unsigned lane = threadIdx.x % WARP;
    return shuffle(value, lane / width * width + source % width);
}

unsigned __shfl_xor_sync(unsigned, unsigned value, unsigned mask) {
    return shuffle(value, threadIdx.x % WARP ^ mask);
}

void atomicXor(unsigned *target, unsigned value) {
    *target ^= value;
}

void runFiber() {
    body(argument);
    fibers[threadIdx.x].finished = true;
    _longjmp(scheduler, 1);
}

void prepare(unsigned thread) {
    Fiber &fiber = fibers[thread];
    fiber.started = false;
    fiber.finished = false;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = &stacks[thread * STACK_BYTES];
    fiber.start.uc_stack.ss_size = STACK_BYTES;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, runFiber, 0);
}

void runBlock() {
    std::memset(warps, 0, sizeof(warps));
    blockBarrier = {};
    for (unsigned thread = 0; thread < blockDim.x; thread++) {
        prepare(thread);
    }
    for (unsigned running = blockDim.x; running > 0;) {
        for (threadIdx.x = 0; threadIdx.x < blockDim.x; threadIdx.x++) {
            if (!fibers[threadIdx.x].finished) {
                resume(fibers[threadIdx.x]);
                running -= fibers[threadIdx.x].finished;
            }
        }
    }
}

void runGrid(unsigned x, unsigned y, unsigned z, unsigned threads) {
    blockDim = {threads, 1, 1};
    for (blockIdx.z = 0; blockIdx.z < z; blockIdx.z++) {
        for (blockIdx.y = 0; blockIdx.y < y; blockIdx.y++) {
            for (blockIdx.x = 0; blockIdx.x < x; blockIdx.x++) {
                runBlock();
            }
        }
    }
}

} // namespace

#define __global__
#define __host__
#define __device__
#define __shared__ static
#define __grid_constant__
#define __launch_bounds__(threads)

namespace copying {
#include "kv-copy.cu"
}
namespace checking {
#include "crc32c.cu"
}

namespace {

struct Kernel {
    const char *name;
    unsigned parameterBytes;
    void (*run)(const void *parameter);
};

#define KERNEL(name, Parameter) \
    {#name, sizeof(Parameter), [](const void *parameter) { name(*static_cast<const Parameter *>(parameter)); }}

const Kernel kernels[] = {
    KERNEL(copying::kv_gather_16, copying::KvCopy),
    KERNEL(copying::kv_gather_8, copying::KvCopy),
    KERNEL(copying::kv_gather_4, copying::KvCopy),
    KERNEL(copying::kv_gather_2, copying::KvCopy),
    KERNEL(copying::kv_gather_1, copying::KvCopy),
    KERNEL(copying::kv_scatter_16, copying::KvCopy),
    KERNEL(copying::kv_scatter_8, copying::KvCopy),
    KERNEL(copying::kv_scatter_4, copying::KvCopy),
    KERNEL(copying::kv_scatter_2, copying::KvCopy),
    KERNEL(copying::kv_scatter_1, copying::KvCopy),
    KERNEL(checking::crc32c, checking::Crc),
};

const Kernel *find(const char *name) {
    for (const Kernel &candidate : kernels) {
        if (std::strcmp(std::strstr(candidate.name, "::") + 2, name) == 0) {
            return &candidate;
        }
    }
    return nullptr;
}

} // namespace

/* The size of a kernel's one parameter, a struct; 0 when there is no such kernel. */
extern "C" unsigned parameter_bytes(const char *name) {
    const Kernel *found = find(name);
    return found ? found->parameterBytes : 0;
}

/* Runs a kernel. Returns 0, or 1 when there is no such kernel. */
extern "C" int emulate(
    const char *name, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned threads, const void *parameter) {
    const Kernel *found = find(name);
    if (found == nullptr) {
        return 1;
    }
    body = found->run;
    argument = parameter;
    runGrid(gridX, gridY, gridZ, threads);
    return 0;
}
