package io.lmcache.chunkfiles.convert;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.chunkfiles.directory.ChunkDirectory;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.DirectorySettings;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import io.lmcache.chunkfiles.format.FileFormat;
import io.lmcache.chunkfiles.format.FoundChunk;
import io.lmcache.chunkfiles.inspect.ChunkChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Carries chunks of one directory over to another, in another format of files or as they are. The chunk hash is carried too: it is
 * made of tokens, which files do not hold, so it cannot be made anew.
 *
 * <p>The source is only read. What is in the target already, and is the same, is left alone, so that a conversion that was
 * stopped is taken up by another one. Every chunk is checked when it is read and once more after it was written. For one
 * thread.
 */
public final class CacheConversion {
    private static final int SHA256_BYTES = 32;
    private static final int NUMBER_BYTES = Long.BYTES;

    /**
     * What to do.
     *
     * @param source the directory to read
     * @param target the directory to write; created when missing
     * @param from the only kind of file to carry; empty for all
     * @param to the kind of file to write; empty to keep each as it is
     * @param choice which chunks to carry
     * @param checksum whether files of LMCache's formats get a checksum
     * @param signedHashes whether chunk hashes are signed numbers, for sources that do not show it
     * @param kvHeads the number of KV heads of a rank, for sources that do not say it
     */
    public record Request(
            Path source,
            Path target,
            Optional<FileFormat> from,
            Optional<FileFormat> to,
            ChunkChoice choice,
            boolean checksum,
            Optional<Boolean> signedHashes,
            OptionalInt kvHeads) {
        /** A conversion of all chunks. */
        public static Request converting(
                Path source,
                Path target,
                Optional<FileFormat> from,
                FileFormat to,
                boolean checksum,
                Optional<Boolean> signedHashes,
                OptionalInt kvHeads) {
            return new Request(source, target, from, Optional.of(to), ChunkChoice.ALL, checksum, signedHashes, kvHeads);
        }

        /** A copy of some chunks, each in its format. */
        public static Request copying(Path source, Path target, ChunkChoice choice) {
            return new Request(
                    source,
                    target,
                    Optional.empty(),
                    Optional.empty(),
                    choice,
                    true,
                    Optional.empty(),
                    OptionalInt.empty());
        }
    }

    /** What files in the target are like. */
    private record Kind(FileFormat format, boolean checksum, boolean signedHashes) {}

    /**
     * What became of the chunks.
     *
     * @param converted carried over
     * @param present in the target already
     * @param refused ones that the target's format cannot express, or not without being told more
     * @param corrupt ones that failed their check, could not be read, or are of no known shape
     * @param bytes the payload bytes of those carried over
     */
    public record Report(long converted, long present, long refused, long corrupt, long bytes) {
        /** Whether the target has all chunks of the source. */
        public boolean isComplete() {
            return refused == 0 && corrupt == 0;
        }
    }

    /** Told of what happens, in between. */
    public interface Listener {
        /** There are so many files to look at. */
        void begin(long files);

        /** One of them is done. */
        void done();

        /** A file is not carried over; the reason is the predicate of a sentence about it. */
        void notCarried(Path file, String reason);

        /** Something in the source, by its path there, is left alone; the reason is the predicate of a sentence about it. */
        void passedOver(String path, String reason);
    }

    private final Request request;
    private final Listener listener;
    private final SourceFiles source;
    // One in most cases.
    private final Map<Kind, ChunkDirectory> targets = new HashMap<>();
    private final Instant now = Instant.now();
    private long converted;
    private long present;
    private long refused;
    private long corrupt;
    private long bytes;

    private CacheConversion(Request request, Listener listener, SourceFiles source) {
        this.request = request;
        this.listener = listener;
        this.source = source;
    }

    /**
     * Converts.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when there is nothing to convert or the directories
     *     are in each other's way, {@link ErrorCode#START_FAILED} when the target cannot be used
     * @throws IOException when the source cannot be listed or the target cannot be written any more; what was converted
     *     stays, and another run goes on from there
     */
    public static Report run(Request request, Listener listener) throws IOException {
        requireApart(request.source(), request.target());
        SourceFiles source = new SourceFiles(request.source(), request.from());
        long files = source.count(listener);
        if (files == 0) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "'" + request.source() + "' holds no chunk files; name a directory that gds_path names");
        }
        listener.begin(files);
        CacheConversion conversion = new CacheConversion(request, listener, source);
        try {
            return conversion.run();
        } finally {
            conversion.targets.values().forEach(ChunkDirectory::close);
        }
    }

    private static void requireApart(Path source, Path target) throws IOException {
        if (!Files.isDirectory(source)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "'" + source + "' is no directory" + (Files.exists(source) ? "" : ": it does not exist")
                            + "; name the directory to convert");
        }
        Path from = source.toRealPath();
        Path to = Files.exists(target)
                ? target.toRealPath()
                : target.toAbsolutePath().normalize();
        if (from.startsWith(to) || to.startsWith(from)) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "'" + source + "' and '" + target + "' are the same directory, or one is in the other; name another"
                            + " target");
        }
    }

    private Report run() throws IOException {
        try (PayloadCopy copy = new PayloadCopy()) {
            source.forEach(file -> {
                convert(file, copy);
                listener.done();
            });
        }
        return new Report(converted, present, refused, corrupt, bytes);
    }

    private void convert(SourceFiles.File file, PayloadCopy copy) throws IOException {
        if (FoundChunk.isLayer(file.path().getFileName().toString())) {
            refuse(file, "is one layer of a chunk, which no format but its own can express");
            return;
        }
        try (SourceChunk chunk = SourceChunk.open(file, request.kvHeads())) {
            if (!request.choice().includes(chunk.key(), chunk.lastUse().toInstant(), now)) {
                return;
            }
            Optional<String> objection = request.to().flatMap(to -> objectionTo(chunk.found(), to));
            if (objection.isPresent()) {
                refuse(file, objection.get());
            } else {
                note(copy.copy(chunk, target(kindOf(chunk))), file, chunk);
            }
        } catch (SourceException e) {
            corrupt++;
            listener.notCarried(file.path(), String.valueOf(e.getMessage()));
        }
    }

    private void note(PayloadCopy.Outcome outcome, SourceFiles.File file, SourceChunk chunk) {
        switch (outcome) {
            case COPIED -> {
                converted++;
                bytes += chunk.meta().byteSize();
            }
            case PRESENT -> present++;
            case NAME_TAKEN ->
                refuse(
                        file,
                        "would have the name of a chunk of another dtype or shape that is in the target; convert one of"
                                + " them into a directory of its own");
        }
    }

    private void refuse(SourceFiles.File file, String reason) {
        refused++;
        listener.notCarried(file.path(), reason);
    }

    /** Why the chunk cannot become a file of the wanted kind, as the predicate of a sentence; empty when it can. */
    private Optional<String> objectionTo(FoundChunk chunk, FileFormat to) {
        ChunkHash hash = chunk.key().hash();
        return switch (to) {
            case NATIVE ->
                chunk.headsKnown()
                        ? Optional.empty()
                        : Optional.of(
                                "does not say how many KV heads it has, which a native file needs; give --kv-heads");
            case LMCACHE_0_3_2 ->
                objectionToHash(hash, SHA256_BYTES, "LMCache 0.3.2 names chunks by SHA-256")
                        .or(() -> objectionToName(chunk, to));
            case LMCACHE_0_5 ->
                objectionToHash(hash, NUMBER_BYTES, "LMCache 0.5 names chunks by builtin or sha256_cbor")
                        .or(() -> objectionToSign(chunk))
                        .or(() -> objectionToName(chunk, to));
        };
    }

    private static Optional<String> objectionToHash(ChunkHash hash, int bytes, String rule) {
        int length = hash.toBytes().length;
        return length == bytes
                ? Optional.empty()
                : Optional.of("is named by another hash algorithm, of " + length + " bytes; " + rule + ", of " + bytes
                        + ", and one hash cannot be made of the other");
    }

    private Optional<String> objectionToSign(FoundChunk chunk) {
        return chunk.signedHashes().or(request::signedHashes).isPresent()
                ? Optional.empty()
                : Optional.of(
                        "does not say which algorithm its hash is of, which decides on its name; give --hash builtin"
                                + " or --hash sha256_cbor");
    }

    private Optional<String> objectionToName(FoundChunk chunk, FileFormat to) {
        return switch (to.create(request.checksum(), isSigned(chunk)).name(chunk.key())) {
            case ChunkName.Below _ -> Optional.empty();
            case ChunkName.Inexpressible(String reason) -> Optional.of("has no name in that format: " + reason);
        };
    }

    private boolean isSigned(FoundChunk chunk) {
        return chunk.signedHashes().or(request::signedHashes).orElse(false);
    }

    private Kind kindOf(SourceChunk chunk) {
        FoundChunk found = chunk.found();
        boolean hasChecksum = chunk.header().payloadCrc().isPresent();
        return request.to()
                .map(to -> new Kind(to, request.checksum(), isSigned(found)))
                .orElseGet(() -> new Kind(found.kind(), hasChecksum, isSigned(found)));
    }

    private ChunkDirectory target(Kind kind) {
        return targets.computeIfAbsent(kind, this::openTarget);
    }

    private ChunkDirectory openTarget(Kind kind) {
        // A source may be removed after it, and files without a checksum do not show what a power cut took from them.
        DirectorySettings settings = DirectorySettings.withoutLimits(request.target(), FsyncMode.DATA);
        return ChunkDirectory.open(
                settings,
                kind.format().create(kind.checksum(), kind.signedHashes()),
                ChunkDirectory.newCounters(),
                Clock.systemUTC());
    }
}
