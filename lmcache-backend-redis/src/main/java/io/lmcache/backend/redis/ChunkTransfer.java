package io.lmcache.backend.redis;

import io.lettuce.core.protocol.AsyncCommand;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.memory.BufferAllocator;
import io.lmcache.api.memory.BufferLease;
import io.lmcache.api.memory.HostBuffer;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.StoredChunk;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * One try to read a chunk.
 *
 * <p>A value comes in pieces, since Lettuce keeps a reply until its last byte is there: a piece fits into the processor's
 * cache, so that the copy from the connection's buffer to the chunk's memory costs little, and the buffer stays small. The
 * first piece has the header, which says how many there are; all others are asked for at once.
 *
 * <p>One lock guards the memory: pieces are copied under it on the connection's thread, and whoever gives the try up waits for
 * a piece at most and then owns no memory any more, whatever still arrives.
 */
final class ChunkTransfer {
    /** Small enough for the processor's cache, large enough that commands do not count. */
    static final int PIECE_BYTES = 256 << 10;

    /** What became of a try. */
    sealed interface Outcome {
        /**
         * The chunk, verified.
         *
         * @param chunk the chunk, which the receiver owns
         */
        record Found(StoredChunk chunk) implements Outcome {}

        /** Nothing is there. */
        record Absent() implements Outcome {}

        /** There is no memory for it. */
        record NoMemory() implements Outcome {}

        /**
         * What is there is not the chunk.
         *
         * @param reason why, as the predicate of a sentence
         */
        record Damaged(String reason) implements Outcome {}
    }

    private final ChunkKey key;
    private final byte[] name;
    private final BufferAllocator allocator;
    // Guarded by this.
    private final CRC32C crc = new CRC32C();
    private @Nullable ChunkHeader header;
    private @Nullable BufferLease lease;
    private long firstBytes;
    private long received;
    private boolean isOver;

    ChunkTransfer(ChunkKey key, byte[] name, BufferAllocator allocator) {
        this.key = key;
        this.name = name;
        this.allocator = allocator;
    }

    /** Reads it over that connection; when the future fails, no memory is held. */
    CompletableFuture<Outcome> over(RedisLink link) {
        AsyncCommand<byte[], byte[], Long> length = RedisCommands.length(name);
        AsyncCommand<byte[], byte[], Integer> first = RedisCommands.piece(name, 0, PIECE_BYTES, this::acceptFirst);
        return link.callAll(List.of(length, first))
                .thenCompose(_ -> length.thenCombine(first, (valueBytes, _) -> valueBytes))
                .thenCompose(valueBytes -> rest(valueBytes, link))
                .whenComplete((outcome, _) -> {
                    if (!(outcome instanceof Outcome.Found)) {
                        abandon();
                    }
                });
    }

    private synchronized void acceptFirst(ByteBuffer bytes) {
        firstBytes = bytes.remaining();
        if (isOver || firstBytes < ChunkHeader.BYTES) {
            return;
        }
        header = ChunkHeader.read(bytes.slice(), key).orElse(null);
        if (header != null) {
            lease = allocator.tryAllocate(header.meta().byteSize()).orElse(null);
            accept(0, bytes.position(bytes.position() + ChunkHeader.BYTES));
        }
    }

    /** Copies a piece to its place in the payload; those before it have been here. */
    private synchronized void accept(long offset, ByteBuffer bytes) {
        if (isOver || lease == null || !(lease.buffer() instanceof HostBuffer(MemorySegment segment))) {
            return;
        }
        long count = bytes.remaining();
        if (offset != received || count > segment.byteSize() - offset) {
            // Replaced by a longer value between two pieces: the count will not be right.
            return;
        }
        MemorySegment place = segment.asSlice(offset, count);
        place.copyFrom(MemorySegment.ofBuffer(bytes));
        crc.update(place.asByteBuffer());
        received += count;
    }

    private CompletableFuture<Outcome> rest(long valueBytes, RedisLink link) {
        List<AsyncCommand<byte[], byte[], Integer>> pieces = new ArrayList<>();
        synchronized (this) {
            Optional<Outcome> early = withoutMore(valueBytes);
            if (early.isPresent()) {
                return CompletableFuture.completedFuture(early.get());
            }
            for (long offset = PIECE_BYTES; offset < valueBytes; offset += PIECE_BYTES) {
                long place = offset - ChunkHeader.BYTES;
                long count = Math.min(PIECE_BYTES, valueBytes - offset);
                pieces.add(RedisCommands.piece(name, offset, count, bytes -> accept(place, bytes)));
            }
        }
        return pieces.isEmpty()
                ? CompletableFuture.completedFuture(verified())
                : link.callAll(pieces)
                        .thenCompose(_ -> CompletableFuture.allOf(pieces.toArray(CompletableFuture[]::new)))
                        .thenApply(_ -> verified());
    }

    /** What is clear from the first piece; empty when the others are needed, or there are none. */
    private Optional<Outcome> withoutMore(long valueBytes) {
        if (valueBytes == 0 || firstBytes == 0) {
            return Optional.of(new Outcome.Absent());
        }
        if (header == null) {
            return Optional.of(
                    new Outcome.Damaged("has no header of that key at its start, in " + valueBytes + " bytes"));
        }
        long expected = ChunkHeader.BYTES + header.meta().byteSize();
        if (valueBytes != expected) {
            return Optional.of(new Outcome.Damaged("has " + valueBytes + " bytes, by its header " + expected));
        }
        return lease == null ? Optional.of(new Outcome.NoMemory()) : Optional.empty();
    }

    private synchronized Outcome verified() {
        if (header == null || lease == null || isOver) {
            throw new IllegalStateException("nothing was read");
        }
        if (received != header.meta().byteSize()) {
            return new Outcome.Damaged("ends after " + received + " bytes of payload");
        }
        if ((int) crc.getValue() != header.payloadCrc()) {
            return new Outcome.Damaged("has a payload with CRC-32C " + Long.toHexString(crc.getValue())
                    + ", by its header " + Integer.toHexString(header.payloadCrc()));
        }
        StoredChunk chunk = new StoredChunk(header.meta(), lease);
        lease = null;
        isOver = true;
        return new Outcome.Found(chunk);
    }

    private synchronized void abandon() {
        isOver = true;
        if (lease != null) {
            lease.close();
            lease = null;
        }
    }
}
