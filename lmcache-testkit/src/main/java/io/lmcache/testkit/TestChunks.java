package io.lmcache.testkit;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.ChunkMeta;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Chunks whose content is a function of their key, so that any reader can tell whether it got the right bytes.
 *
 * <p>Stateless and thread-safe.
 */
public final class TestChunks {
    /** 256 bytes a token: a chunk of 256 tokens has 64 KiB. */
    public static final KvLayout LAYOUT = KvLayout.kv(KvDtype.HALF, 2, 2, 16);

    /** The scope of {@link #key(int)}. */
    public static final KeyScope SCOPE = KeyScope.of("test/model", LAYOUT);

    /** 256 tokens of {@link #LAYOUT}: 64 KiB. */
    public static final ChunkMeta META = new ChunkMeta(LAYOUT, 256);

    private static final long GOLDEN_RATIO = 0x9E3779B97F4A7C15L;
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG_UNALIGNED;

    private TestChunks() {}

    /** The chunk number so and so of {@link #SCOPE}. */
    public static ChunkKey key(int number) {
        return key(SCOPE, number);
    }

    /** The chunk number so and so of a scope; its hash has 32 bytes, the first of them spread evenly. */
    public static ChunkKey key(KeyScope scope, int number) {
        ByteBuffer hash = ByteBuffer.allocate(32);
        for (int i = 0; i < 4; i++) {
            hash.putLong(mix(number * 4L + i));
        }
        return new ChunkKey(scope, ChunkHash.of(hash.array()));
    }

    /** The chunks number 0 to {@code count - 1} of {@link #SCOPE}. */
    public static List<ChunkKey> keys(int count) {
        return IntStream.range(0, count).mapToObj(TestChunks::key).toList();
    }

    /** Writes the content of the key's chunk over the whole segment. */
    public static void fill(ChunkKey key, MemorySegment segment) {
        long seed = seed(key);
        long words = segment.byteSize() / Long.BYTES;
        for (long i = 0; i < words; i++) {
            segment.set(WORD, i * Long.BYTES, word(seed, i));
        }
        for (long offset = words * Long.BYTES; offset < segment.byteSize(); offset++) {
            segment.set(ValueLayout.JAVA_BYTE, offset, tailByte(seed, offset));
        }
    }

    /**
     * Checks that the segment has the content of the key's chunk.
     *
     * @throws AssertionError when a byte differs, naming the first
     */
    public static void requireIntact(ChunkKey key, MemorySegment segment) {
        long seed = seed(key);
        long words = segment.byteSize() / Long.BYTES;
        for (long i = 0; i < words; i++) {
            if (segment.get(WORD, i * Long.BYTES) != word(seed, i)) {
                throw notIntact(key, i * Long.BYTES, segment);
            }
        }
        for (long offset = words * Long.BYTES; offset < segment.byteSize(); offset++) {
            if (segment.get(ValueLayout.JAVA_BYTE, offset) != tailByte(seed, offset)) {
                throw notIntact(key, offset, segment);
            }
        }
    }

    /** A filled chunk in host memory of that allocator; fails when the allocator is full. The caller owns the lease. */
    public static BufferLease lease(BufferAllocator allocator, ChunkKey key, ChunkMeta meta) {
        BufferLease lease = allocator
                .tryAllocate(meta.byteSize())
                .orElseThrow(() -> new AssertionError("Allocator '" + allocator.name() + "' has no "
                        + meta.byteSize() + " bytes; used are " + allocator.usedBytes() + " of "
                        + allocator.limitBytes()));
        fill(key, hostSegment(lease));
        return lease;
    }

    /** The bytes of a lease on host memory. */
    public static MemorySegment hostSegment(BufferLease lease) {
        if (lease.buffer() instanceof HostBuffer(MemorySegment segment)) {
            return segment;
        }
        throw new AssertionError("Expected host memory, not " + lease.buffer());
    }

    private static AssertionError notIntact(ChunkKey key, long offset, MemorySegment segment) {
        return new AssertionError(
                "The chunk " + key + " has a wrong byte in the word at offset " + offset + " of " + segment.byteSize());
    }

    private static long seed(ChunkKey key) {
        long seed = 0;
        String text = key.text();
        for (int i = 0; i < text.length(); i++) {
            seed = mix(seed + text.charAt(i));
        }
        return seed;
    }

    private static long word(long seed, long index) {
        return mix(seed + index);
    }

    private static byte tailByte(long seed, long offset) {
        return (byte) mix(seed - offset);
    }

    /** The finalizer of SplitMix64: spreads neighbouring numbers over all 64 bits. */
    private static long mix(long number) {
        long z = number + GOLDEN_RATIO;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
