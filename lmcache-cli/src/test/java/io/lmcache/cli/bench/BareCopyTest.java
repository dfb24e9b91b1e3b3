package io.lmcache.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.KvDtype;
import io.lmcache.api.KvLayout;
import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.core.engine.HostKvTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

/** The ceiling of the host tier means something only while it makes the copies that the library makes. */
class BareCopyTest {
    private static final KvLayout LAYOUT = KvLayout.kv(KvDtype.INT8, 3, 1, 2);
    private static final int CHUNK_TOKENS = 4;
    private static final int CHUNKS = 3;
    private static final int TOKENS = CHUNKS * CHUNK_TOKENS;

    private final Arena arena = Arena.ofAuto();
    private final MemorySegment tensor = numbered(1);
    private final MemorySegment chunks = numbered(100);
    private final MemorySegment expected = numbered(200);
    private final BareCopy bare = new BareCopy(LAYOUT, CHUNK_TOKENS, tensor, chunks);

    @Test
    void copiesIntoTheTensorWhatTheLibraryCopies() {
        HostKvTensor library = new HostKvTensor(LAYOUT, expected, TOKENS);
        for (int i = 0; i < CHUNKS; i++) {
            library.accept(range(i), chunk(chunks, i));
        }
        assertThat(bare.chunksToTensor()).isEqualTo(tensor.byteSize());
        assertThat(tensor.mismatch(expected)).isEqualTo(-1);
    }

    @Test
    void copiesIntoTheChunksWhatTheLibraryCopies() {
        HostKvTensor library = new HostKvTensor(LAYOUT, tensor, TOKENS);
        for (int i = 0; i < CHUNKS; i++) {
            library.fill(range(i), chunk(expected, i));
        }
        assertThat(bare.tensorToChunks()).isEqualTo(tensor.byteSize());
        assertThat(chunks.mismatch(expected)).isEqualTo(-1);
    }

    private static TokenRange range(int chunk) {
        return new TokenRange(chunk * CHUNK_TOKENS, (chunk + 1) * CHUNK_TOKENS);
    }

    private static HostBuffer chunk(MemorySegment chunks, int index) {
        long bytes = LAYOUT.chunkBytes(CHUNK_TOKENS);
        return new HostBuffer(chunks.asSlice(index * bytes, bytes));
    }

    private MemorySegment numbered(int first) {
        MemorySegment segment = arena.allocate(LAYOUT.chunkBytes(TOKENS));
        for (int i = 0; i < segment.byteSize(); i++) {
            segment.set(ValueLayout.JAVA_BYTE, i, (byte) (first + i));
        }
        return segment;
    }
}
