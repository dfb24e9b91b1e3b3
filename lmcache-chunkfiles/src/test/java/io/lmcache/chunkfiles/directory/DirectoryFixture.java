package io.lmcache.chunkfiles.directory;

import static org.assertj.core.api.Assertions.assertThat;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.spi.BackendCounter;
import io.lmcache.api.spi.BackendSettings;
import io.lmcache.api.spi.Counters;
import io.lmcache.chunkfiles.directory.DirectorySettings.FsyncMode;
import io.lmcache.chunkfiles.directory.DirectorySettings.Sharding;
import io.lmcache.chunkfiles.format.NativeChunkFormat;
import io.lmcache.testkit.TestChunks;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32C;

/** A chunk directory whose payload is zeros, and whose files are as old as the test likes. */
final class DirectoryFixture implements AutoCloseable {
    static final long FILE_BYTES = ChunkFileFormat.HEADER_BYTES + TestChunks.META.byteSize();

    final Path root;
    final Counters counters = ChunkDirectory.newCounters();
    final ChunkDirectory directory;

    DirectoryFixture(Path root, long maxBytes, Duration timeToLive, long minFreeBytes) {
        this.root = root;
        this.directory = ChunkDirectory.open(
                DirectorySettings.from(
                        BackendSettings.of(
                                "posix",
                                Map.of(
                                        "max_gds_size", maxBytes + " B",
                                        "gds_ttl_secs", Long.toString(timeToLive.toSeconds()),
                                        "gds_min_free_space", minFreeBytes + " B")),
                        Sharding.BY_HASH,
                        List.of(root)),
                new NativeChunkFormat(),
                counters,
                Clock.systemUTC());
    }

    /** A directory with room for so many chunks. */
    static DirectoryFixture ofChunks(Path root, long chunks) {
        return new DirectoryFixture(root, chunks * FILE_BYTES, Duration.ZERO, 0);
    }

    /** Settings without a limit. */
    static DirectorySettings settings(Path root) {
        return DirectorySettings.withoutLimits(root, FsyncMode.NONE);
    }

    /** Whether the chunk could be stored; room is asked for once. */
    boolean store(ChunkKey key) throws Exception {
        Optional<NewChunkFile> file = directory.tryCreate(at(key), TestChunks.META);
        if (file.isEmpty()) {
            directory.makeRoom(at(key), TestChunks.META, false).get(10, TimeUnit.SECONDS);
            file = directory.tryCreate(at(key), TestChunks.META);
        }
        if (file.isEmpty()) {
            return false;
        }
        try (NewChunkFile newFile = file.get()) {
            writeZeros(newFile);
            newFile.publish(crcOfZeros());
        }
        return true;
    }

    private static int crcOfZeros() {
        CRC32C crc = new CRC32C();
        crc.update(new byte[(int) TestChunks.META.byteSize()]);
        return (int) crc.getValue();
    }

    static void writeZeros(NewChunkFile file) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocate((int) TestChunks.META.byteSize());
        while (zeros.hasRemaining()) {
            file.channel().write(zeros, ChunkFileFormat.HEADER_BYTES + zeros.position());
        }
    }

    /** Stores a chunk whose last use is so long ago. */
    void store(ChunkKey key, Duration age) throws Exception {
        assertThat(store(key)).isTrue();
        Files.setLastModifiedTime(file(key), FileTime.from(Instant.now().minus(age)));
    }

    /** Where the chunk lies, or would lie. */
    ChunkLocation at(ChunkKey key) {
        return directory.locate(key).orElseThrow();
    }

    Path file(ChunkKey key) {
        return root.resolve(((ChunkName.Below) directory.format().name(key)).path());
    }

    boolean exists(int number) {
        return Files.exists(file(TestChunks.key(number)));
    }

    void clean() throws Exception {
        directory.clean().get(10, TimeUnit.SECONDS);
    }

    long count(BackendCounter event) {
        return counters.count(event);
    }

    @Override
    public void close() {
        directory.close();
    }
}
