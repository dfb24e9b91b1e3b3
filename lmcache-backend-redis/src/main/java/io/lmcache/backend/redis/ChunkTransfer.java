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
 * first piece has the header, which says how many there are. As many as the last chunk of the layout had are asked for with it, so
 * that most chunks take one round trip.
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

    /**
     * Reads it over that connection; when the future fails, no memory is held.
     *
     * @param expectedBytes how long the value probably is: so much is asked for before anything is known of it, which costs
     *     nothing where it is shorter, or not there
     */
    CompletableFuture<Outcome> over(RedisLink link, long expectedBytes) {
        AsyncCommand<byte[], byte[], Long> length = RedisCommands.length(name);
        List<AsyncCommand<byte[], byte[], Integer>> pieces = pieces(PIECE_BYTES, expectedBytes);
        pieces.addFirst(RedisCommands.piece(name, 0, PIECE_BYTES, this::acceptFirst));
        List<AsyncCommand<byte[], byte[], ?>> all = new ArrayList<>(pieces);
        all.addFirst(length);
        long asked = Math.max(PIECE_BYTES, expectedBytes);
        return link.callAll(all)
                .thenCompose(_ -> all(pieces))
                .thenCompose(_ -> length)
                .thenCompose(valueBytes -> rest(asked, valueBytes, link))
                .whenComplete((outcome, _) -> {
                    if (!(outcome instanceof Outcome.Found)) {
                        abandon();
                    }
                });
    }

    /** What asks for a part of the value, from one offset to another. */
    private List<AsyncCommand<byte[], byte[], Integer>> pieces(long from, long to) {
        List<AsyncCommand<byte[], byte[], Integer>> pieces = new ArrayList<>();
        for (long offset = from; offset < to; offset += PIECE_BYTES) {
            long place = offset - ChunkHeader.BYTES;
            pieces.add(RedisCommands.piece(
                    name, offset, Math.min(PIECE_BYTES, to - offset), bytes -> accept(place, bytes)));
        }
        return pieces;
    }

    private static CompletableFuture<Void> all(List<AsyncCommand<byte[], byte[], Integer>> pieces) {
        return CompletableFuture.allOf(pieces.toArray(CompletableFuture[]::new));
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

    private CompletableFuture<Outcome> rest(long asked, long valueBytes, RedisLink link) {
        Optional<Outcome> early = withoutMore(valueBytes);
        if (early.isPresent()) {
            return CompletableFuture.completedFuture(early.get());
        }
        List<AsyncCommand<byte[], byte[], Integer>> pieces = pieces(asked, valueBytes);
        return pieces.isEmpty()
                ? CompletableFuture.completedFuture(verified())
                : link.callAll(pieces).thenCompose(_ -> all(pieces)).thenApply(_ -> verified());
    }

    /** What is clear from the first piece; empty when the others are needed, or there are none. */
    private synchronized Optional<Outcome> withoutMore(long valueBytes) {
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
