package io.lmcache.cli;

import io.lmcache.chunkfiles.inspect.CacheInspection;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** A tar file of chunks that is there as a whole, or not at all. For one thread. */
final class ChunkArchive implements CacheInspection.Sink, AutoCloseable {
    private static final int OWNER_READS_AND_WRITES = 0600;

    private final Path file;
    private final TarArchiveOutputStream tar;
    private boolean isFinished;

    /**
     * A new archive.
     *
     * @throws java.nio.file.FileAlreadyExistsException when there is a file of that name
     */
    ChunkArchive(Path file) throws IOException {
        this.file = file;
        OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        this.tar = new TarArchiveOutputStream(out, "UTF-8");
        // Names of chunks are longer than the first format had room for.
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
        tar.setBigNumberMode(TarArchiveOutputStream.BIGNUMBER_POSIX);
    }

    @Override
    public void take(String path, Instant lastUse, FileChannel content) throws IOException {
        begin(path, lastUse, content.size());
        content.position(0);
        Channels.newInputStream(content).transferTo(tar);
        tar.closeArchiveEntry();
    }

    @Override
    public void takeMetadata(String path, Instant lastUse, byte[] content) throws IOException {
        begin(path, lastUse, content.length);
        Channels.newChannel(tar).write(ByteBuffer.wrap(content));
        tar.closeArchiveEntry();
    }

    private void begin(String path, Instant lastUse, long bytes) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(path);
        entry.setSize(bytes);
        entry.setMode(OWNER_READS_AND_WRITES);
        entry.setLastModifiedTime(FileTime.from(lastUse));
        tar.putArchiveEntry(entry);
    }

    /** Completes it. */
    void finish() throws IOException {
        tar.finish();
        isFinished = true;
    }

    /** Closes the file, and removes what was not finished. */
    @Override
    public void close() throws IOException {
        try {
            if (isFinished) {
                tar.close();
            }
        } finally {
            if (!isFinished) {
                abandon();
            }
        }
    }

    private void abandon() throws IOException {
        try {
            tar.close();
        } finally {
            Files.deleteIfExists(file);
        }
    }
}
