/*
 * Gather and scatter: copies between a paged KV cache and dense chunk buffers.
 *
 * One kernel body serves every shape of cache and both directions. The cache is described by a base address and
 * strides for each layer, so that keys first or blocks first, NHD or HND, and latent attention are numbers and not
 * code. A chunk is dense: [planes, layers, tokens, heads, run], where a run is the longest piece that is contiguous
 * on both sides: all heads of a token when the cache keeps them together (then heads is 1 here), one head otherwise.
 *
 * A thread block copies one tile: some tokens of one chunk in one plane of one layer. It first finds the place of
 * each token, once for all words of the token, then moves words, neighbouring threads neighbouring words. A tile has
 * about 32 KiB, a few words for each thread; all loads of such a group are issued before the first store, because the
 * bytes in flight are what a copy at the speed of memory lives on.
 *
 * Grid: x counts tiles of tokens, y counts planes times layers, z counts chunks. All strides and sizes in words or
 * bytes are multiples of the word; the host picks the widest word for which that holds.
 */

typedef unsigned int u32;
typedef unsigned long long u64;

/* Where a layer lies; strides in bytes. Written by KvCopyKernel. */
struct Layer {
    u64 address;
    u64 planeStride;
    u64 blockStride;
    u64 slotStride;
    u64 headStride;
};

/* A dense buffer and the tokens of the request that it holds. */
struct Chunk {
    u64 address;
    u32 firstToken;
    u32 tokens;
};

constexpr u32 MAX_CHUNKS = 64;
constexpr u32 MAX_TILE_TOKENS = 256;

/* The only parameter of the kernels. Written by KvCopyKernel. */
struct KvCopy {
    const Layer *layers;
    /* The request's block table, or its slot mapping when slotMapped is set; one of the two is null. */
    const int *blockTable;
    const long long *slotMapping;
    u32 layerCount;
    u32 blockSize;
    u32 heads;
    u32 runWords;
    u32 tileTokens;
    Chunk chunks[MAX_CHUNKS];
};

/* The offset of a token of the request from the start of a plane, in bytes. */
__device__ inline u64 tokenOffset(const KvCopy &copy, const Layer &layer, u32 token) {
    u64 block;
    u32 slot;
    if (copy.slotMapping != 0) {
        u64 place = (u64)copy.slotMapping[token];
        block = place / copy.blockSize;
        slot = (u32)(place % copy.blockSize);
    } else {
        block = (u64)copy.blockTable[token / copy.blockSize];
        slot = token % copy.blockSize;
    }
    return block * layer.blockStride + slot * layer.slotStride;
}

template <typename Word, bool GATHER>
__device__ inline void copyTile(const KvCopy &copy) {
    __shared__ u64 offsets[MAX_TILE_TOKENS];

    const Chunk chunk = copy.chunks[blockIdx.z];
    const u32 firstToken = blockIdx.x * copy.tileTokens;
    if (firstToken >= chunk.tokens) {
        return;
    }
    const u32 remaining = chunk.tokens - firstToken;
    const u32 tokens = remaining < copy.tileTokens ? remaining : copy.tileTokens;
    const u32 plane = blockIdx.y / copy.layerCount;
    const Layer layer = copy.layers[blockIdx.y % copy.layerCount];

    for (u32 token = threadIdx.x; token < tokens; token += blockDim.x) {
        offsets[token] = tokenOffset(copy, layer, chunk.firstToken + firstToken + token);
    }
    __syncthreads();

    const u32 rowWords = copy.heads * copy.runWords;
    const u32 words = tokens * rowWords;
    const u64 firstRow = (u64)blockIdx.y * chunk.tokens + firstToken;
    Word *const dense = (Word *)chunk.address + firstRow * rowWords;
    const u64 paged = layer.address + plane * layer.planeStride;

    constexpr u32 GROUP = 4;
    for (u32 first = threadIdx.x; first < words; first += GROUP * blockDim.x) {
        Word *place[GROUP];
        Word value[GROUP];
#pragma unroll
        for (u32 i = 0; i < GROUP; i++) {
            const u32 word = first + i * blockDim.x;
            if (word < words) {
                const u32 token = word / rowWords;
                const u32 inRow = word - token * rowWords;
                const u32 head = copy.heads == 1 ? 0 : inRow / copy.runWords;
                const u32 inRun = inRow - head * copy.runWords;
                place[i] = (Word *)(paged + offsets[token] + head * layer.headStride) + inRun;
                value[i] = GATHER ? *place[i] : dense[word];
            }
        }
#pragma unroll
        for (u32 i = 0; i < GROUP; i++) {
            const u32 word = first + i * blockDim.x;
            if (word < words) {
                *(GATHER ? dense + word : place[i]) = value[i];
            }
        }
    }
}

#define KERNEL(name, Word, GATHER)                                                               \
    extern "C" __global__ void __launch_bounds__(256) name(const __grid_constant__ KvCopy copy) { \
        copyTile<Word, GATHER>(copy);                                                             \
    }

KERNEL(kv_gather_16, uint4, true)
KERNEL(kv_gather_8, uint2, true)
KERNEL(kv_gather_4, u32, true)
KERNEL(kv_gather_2, unsigned short, true)
KERNEL(kv_gather_1, unsigned char, true)
KERNEL(kv_scatter_16, uint4, false)
KERNEL(kv_scatter_8, uint2, false)
KERNEL(kv_scatter_4, u32, false)
KERNEL(kv_scatter_2, unsigned short, false)
KERNEL(kv_scatter_1, unsigned char, false)

#undef KERNEL
