package io.lmcache.chunkfiles.convert;

import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkLocation;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import io.lmcache.chunkfiles.directory.NewChunkFile;
import io.lmcache.chunkfiles.io.PayloadChannels;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.CRC32C;

/** Copies chunks into a directory, a few megabytes at a time, and reads back what it wrote. For one thread. */
final class PayloadCopy implements AutoCloseable {
    private static final long STEP = 4 << 20;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment memory = arena.allocate(STEP);

    /** Takes the payload step by step. */
    private interface Consumer {
        void take(MemorySegment step, long start) throws IOException;
    }

    /** What became of a chunk. */
    enum Outcome {
        COPIED,
        /** A copy of it is there. */
        PRESENT,
        /** Another chunk of the same name is there, and stays. */
        NAME_TAKEN
    }

    /**
     * Copies one chunk, unless a file is there that is to stay.
     *
     * @throws SourceException when the chunk is not what it should be; nothing is written then
     * @throws IOException when the target cannot be written
     */
    Outcome copy(SourceChunk chunk, ChunkDirectory target) throws IOException {
        ChunkLocation place = target.locate(chunk.key())
                .orElseThrow(() -> new IOException(chunk.key() + " has no name in the target's format"));
        Optional<Path> there = target.find(place);
        if (there.isPresent()) {
            int crc = pass(chunk, (_, _) -> {});
            HeaderCheck check = target.checkAll(there.get(), chunk.key());
            if (check instanceof HeaderCheck.Other) {
                return Outcome.NAME_TAKEN;
            }
            if (check.equals(HeaderCheck.Valid.of(chunk.meta(), crc)) && target.hasItsMetadata(there.get())) {
                return Outcome.PRESENT;
            }
            target.remove(place);
        }
        write(chunk, place, target);
        return Outcome.COPIED;
    }

    /** Reads the payload once and checks it; returns its checksum. */
    private int pass(SourceChunk chunk, Consumer consumer) throws IOException {
        CRC32C crc = new CRC32C();
        long bytes = chunk.meta().byteSize();
        for (long start = 0; start < bytes; start += STEP) {
            MemorySegment step = memory.asSlice(0, Math.min(STEP, bytes - start));
            chunk.read(step, start, crc);
            consumer.take(step, start);
        }
        chunk.requireAdmitted((int) crc.getValue());
        return (int) crc.getValue();
    }

    private void write(SourceChunk chunk, ChunkLocation place, ChunkDirectory target) throws IOException {
        int crc;
        try (NewChunkFile file = target.tryCreate(place, chunk.meta())
                .orElseThrow(() ->
                        new IOException("no space is left in " + target.roots().getFirst()))) {
            PayloadChannels channels = PayloadChannels.buffered(file.channel());
            crc = pass(chunk, (step, start) -> channels.write(step, start, new CRC32C()));
            file.publish(crc);
        }
        Path written = target.find(place)
                .orElseThrow(() -> new IOException(chunk.key() + " is gone as soon as it was written"));
        HeaderCheck readBack = target.checkAll(written, chunk.key());
        if (!readBack.equals(HeaderCheck.Valid.of(chunk.meta(), crc))) {
            target.remove(place);
            throw new IOException(written + " reads back other than it was written; check the drive");
        }
        Files.setLastModifiedTime(written, chunk.lastUse());
    }

    @Override
    public void close() {
        arena.close();
    }
}
