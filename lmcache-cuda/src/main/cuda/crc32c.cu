/*
 * CRC-32C of chunk buffers in device memory.
 *
 * A CRC is the remainder of the message, read as a polynomial over GF(2), times x^32. Remainders of pieces, each
 * times the power of x that its place asks for, add up (XOR) to the remainder of the whole, so every lane can work
 * alone:
 *
 *     message      ... | segment 2 | segment 1 | segment 0 | tail of 0 to 3 bytes
 *     segment      2048 words (8 KiB), a warp's work; counted from the end, the first one may be short
 *     lane         every 32nd word of a segment: a warp's loads are coalesced
 *
 * Segments are counted from the end because zeros before a message do not change its remainder: where words are
 * missing in front, a lane reads zero, and every lane's words end at a place known at compile time.
 *
 * A lane folds its words: state = state * x^1024 + word. That multiplication by a constant is nearly the whole cost.
 * There is no carry-less multiplication on a GPU, so it takes tables. The usual four tables of 256 words in shared
 * memory make 32 lanes hit 32 banks at random, the fullest about 3.5 times: 4 lookups a word then take about 14
 * cycles of an SM's shared memory. Tables for each bank of its own would take 128 KiB. Here there are eight tables of
 * 16 words, one for each nibble of the state, held by the lanes of the warp in eight registers. The lookup is a
 * shuffle, which serves 32 lanes in one cycle whatever they ask for: 8 cycles for a word of each lane, without shared
 * memory, and without masking the index, because a shuffle of width 16 takes it modulo 16. At 1.7 GHz that bounds an
 * SM to 27 GB/s.
 *
 * Bits are reflected as CRC-32C has them: bit 31 of a word is the coefficient of x^0, so that the message's bytes are
 * read as little-endian words.
 *
 * Grid: x counts groups of eight segments, y counts chunks.
 */

typedef unsigned int u32;
typedef unsigned long long u64;

constexpr u32 POLYNOMIAL = 0x82F63B78u;
constexpr u32 ONE = 0x80000000u;
constexpr u32 LANES = 32;
constexpr u32 ALL_LANES = 0xFFFFFFFFu;
constexpr u32 WARPS = 8;
constexpr u32 SEGMENT_WORDS = 2048;
/* Words that a lane loads at a time. */
constexpr u32 GROUP = 8;
constexpr u32 MAX_CHUNKS = 64;

struct Message {
    const u32 *words;
    u64 bytes;
};

/* The only parameter of the kernel. Mirrored by DeviceCrc32c. */
struct Crc {
    /* One word per message, zero at first; its remainder is added to it. */
    u32 *remainders;
    Message messages[MAX_CHUNKS];
};

__host__ __device__ constexpr u32 timesX(u32 a) {
    return (a >> 1) ^ ((a & 1) ? POLYNOMIAL : 0);
}

__host__ __device__ constexpr u32 multiply(u32 a, u32 b) {
    u32 product = 0;
    for (u32 i = 0; i < 32; i++) {
        product ^= (b & ONE) ? a : 0;
        b <<= 1;
        a = timesX(a);
    }
    return product;
}

struct Tables {
    /* power[k] = x^(2^k). The order of x is 2^31 - 1, so x^(2^31) is x again and 31 entries are all there are. */
    u32 power[31];
    /* fold[k][n] = nibble n at place k, times x^(32 * LANES): one step of a lane. */
    u32 fold[8][16];
    /* lane[i] = x^(32 * (LANES - i)): from lane i's last word to the end of the segment, and the x^32 of the CRC. */
    u32 lane[LANES];
};

__host__ __device__ constexpr Tables makeTables() {
    Tables tables = {};
    tables.power[0] = timesX(ONE);
    for (u32 k = 1; k < 31; k++) {
        tables.power[k] = multiply(tables.power[k - 1], tables.power[k - 1]);
    }
    const u32 word = tables.power[5];
    const u32 step = tables.power[10];
    for (u32 k = 0; k < 8; k++) {
        for (u32 n = 0; n < 16; n++) {
            tables.fold[k][n] = multiply(n << (4 * k), step);
        }
    }
    u32 weight = word;
    for (u32 i = LANES; i > 0; i--) {
        tables.lane[i - 1] = weight;
        weight = multiply(weight, word);
    }
    return tables;
}

/* In global memory: the lanes of a warp read neighbouring entries, which constant memory would serve one by one. */
__device__ const Tables TABLES = makeTables();

/* a * x^bits */
__device__ inline u32 shift(u32 a, u64 bits) {
    for (u32 k = 0; bits != 0; bits >>= 1, k = k == 30 ? 0 : k + 1) {
        if (bits & 1) {
            a = multiply(a, TABLES.power[k]);
        }
    }
    return a;
}

__device__ inline u32 fold(u32 state, const u32 (&table)[8]) {
    u32 folded = 0;
#pragma unroll
    for (u32 k = 0; k < 8; k++) {
        folded ^= __shfl_sync(ALL_LANES, table[k], state >> (4 * k), 16);
    }
    return folded;
}

/* The remainder of words [begin, end) as if the message ended with them. All lanes of a warp call it and get it. */
__device__ inline u32 segmentRemainder(const u32 *words, u64 begin, u64 end) {
    const u32 lane = threadIdx.x % LANES;
    u32 table[8];
#pragma unroll
    for (u32 k = 0; k < 8; k++) {
        table[k] = TABLES.fold[k][lane % 16];
    }

    /* The front is cut so that whole groups of steps remain. Only its first step can lack words, in front. */
    const u32 count = (u32)(end - begin);
    const u32 groups = count / (LANES * GROUP);
    const u32 frontSteps = (count % (LANES * GROUP) + LANES - 1) / LANES;
    const u32 *next = words + end - (u64)(groups * GROUP + frontSteps) * LANES + lane;
    u32 state = 0;
    for (u32 step = 0; step < frontSteps; step++, next += LANES) {
        state = fold(state, table) ^ (next >= words + begin ? *next : 0);
    }
    for (u32 group = 0; group < groups; group++, next += LANES * GROUP) {
        /* Loads first: a shuffle is a point that the compiler moves no load across. */
        u32 word[GROUP];
#pragma unroll
        for (u32 i = 0; i < GROUP; i++) {
            word[i] = next[i * LANES];
        }
#pragma unroll
        for (u32 i = 0; i < GROUP; i++) {
            state = fold(state, table) ^ word[i];
        }
    }

    u32 remainder = multiply(state, TABLES.lane[lane]);
    for (u32 distance = LANES / 2; distance > 0; distance /= 2) {
        remainder ^= __shfl_xor_sync(ALL_LANES, remainder, distance);
    }
    return remainder;
}

__device__ inline u32 tailRemainder(const unsigned char *tail, u32 bytes) {
    u32 remainder = 0;
    for (u32 i = 0; i < bytes; i++) {
        remainder ^= tail[i];
        for (u32 bit = 0; bit < 8; bit++) {
            remainder = timesX(remainder);
        }
    }
    return remainder;
}

extern "C" __global__ void __launch_bounds__(256) crc32c(const __grid_constant__ Crc crc) {
    __shared__ u32 remainders[WARPS];

    const Message message = crc.messages[blockIdx.y];
    const u64 words = message.bytes / 4;
    const u32 tailBytes = (u32)(message.bytes % 4);
    const u64 firstSegment = (u64)blockIdx.x * WARPS;

    const u32 warp = threadIdx.x / LANES;
    const u64 wordsAfter = (firstSegment + warp) * SEGMENT_WORDS;
    if (wordsAfter < words) {
        const u64 end = words - wordsAfter;
        const u64 begin = end < SEGMENT_WORDS ? 0 : end - SEGMENT_WORDS;
        remainders[warp] = segmentRemainder(message.words, begin, end);
    } else {
        remainders[warp] = 0;
    }
    __syncthreads();

    /* The powers take long: one lane for each segment, so that the warp walks through them once for all eight. */
    if (threadIdx.x < WARPS) {
        const u64 bitsAfter = (firstSegment + threadIdx.x) * SEGMENT_WORDS * 32 + tailBytes * 8;
        u32 remainder = shift(remainders[threadIdx.x], bitsAfter);
        if (firstSegment + threadIdx.x == 0) {
            remainder ^= tailRemainder((const unsigned char *)(message.words + words), tailBytes);
        }
        if (remainder != 0) {
            atomicXor(crc.remainders + blockIdx.y, remainder);
        }
    }
}
