package io.lmcache.cli.bench;

import io.lmcache.api.memory.HostRegion;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32C;

/**
 * Open, read all, close: the payloads of files into off-heap memory, by several threads. Used by one thread. Owns the
 * memory until {@link #close()}.
 */
final class PlainReads implements AutoCloseable {
    /** How files are read. */
    enum Mode {
        /** Through the page cache, with nothing checked. */
        BUFFERED,
        /** Through the page cache, and the CRC-32C is taken step by step, as the file tier does it. */
        CHECKED,
        /** Past the page cache, with nothing checked. */
        DIRECT;

        private static final int CHECKED_STEP = 256 << 10;
        private static final OpenOption DIRECT_OPTION = directOption();

        FileChannel open(Path file) throws IOException {
            return switch (this) {
                case BUFFERED, CHECKED -> FileChannel.open(file, StandardOpenOption.READ);
                case DIRECT -> FileChannel.open(file, StandardOpenOption.READ, DIRECT_OPTION);
            };
        }

        private int step(ByteBuffer buffer) {
            return this == CHECKED ? Math.min(CHECKED_STEP, buffer.capacity()) : buffer.capacity();
        }

        /** Whether that file can be opened so. */
        boolean isTakenBy(Path file) {
            try {
                open(file).close();
                return true;
            } catch (IOException | UnsupportedOperationException e) {
                return false;
            }
        }

        // By name: javac's warning about the class cannot be suppressed.
        private static OpenOption directOption() {
            try {
                Class<?> extended = Class.forName("com.sun.nio.file.ExtendedOpenOption");
                return (OpenOption) extended.getField("DIRECT").get(null);
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("every JDK since 10 has this option", e);
            }
        }
    }

    /** Memory of each thread; a buffer is used again only after so many bytes, as in a cache that others read from. */
    private static final long BYTES_PER_THREAD = 32 << 20;

    private final List<Path> files;
    private final int payloadBytes;
    private final Mode mode;
    private final HostRegion region;
    private final ExecutorService threads;
    private final List<Callable<Long>> work = new ArrayList<>();
    private final AtomicInteger next = new AtomicInteger();
    // Collected so that the JIT compiler cannot leave them out.
    private final LongAdder checksums = new LongAdder();

    /** Reads the last {@code payloadBytes} of each file; what is before them is a header. */
    PlainReads(List<Path> files, long payloadBytes, int threads, Mode mode) {
        this.files = List.copyOf(files);
        this.payloadBytes = Math.toIntExact(payloadBytes);
        this.mode = mode;
        this.region = new HostRegion(threads * BYTES_PER_THREAD);
        this.threads = Executors.newFixedThreadPool(threads);
        for (int thread = 0; thread < threads; thread++) {
            List<ByteBuffer> buffers = buffers(thread);
            work.add(() -> readSome(buffers));
        }
    }

    private List<ByteBuffer> buffers(int thread) {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (long offset = 0; offset + payloadBytes <= BYTES_PER_THREAD; offset += payloadBytes) {
            buffers.add(region.segment()
                    .asSlice(thread * BYTES_PER_THREAD + offset, payloadBytes)
                    .asByteBuffer());
        }
        return buffers;
    }

    /** Reads every file once; returns the bytes of their payloads. */
    long run() throws IOException {
        next.set(0);
        long bytes = 0;
        try {
            for (Future<Long> part : threads.invokeAll(work)) {
                bytes += part.get();
            }
            return bytes;
        } catch (ExecutionException e) {
            throw new IOException("A plain read failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("Plain reads were interrupted", e);
        }
    }

    private long readSome(List<ByteBuffer> buffers) throws IOException {
        long bytes = 0;
        int reads = 0;
        for (int file = next.getAndIncrement(); file < files.size(); file = next.getAndIncrement()) {
            bytes += read(files.get(file), buffers.get(reads++ % buffers.size()).clear());
        }
        return bytes;
    }

    private int read(Path file, ByteBuffer buffer) throws IOException {
        try (FileChannel channel = mode.open(file)) {
            long header = channel.size() - payloadBytes;
            CRC32C crc = new CRC32C();
            for (int start = 0; start < payloadBytes; start = buffer.limit()) {
                buffer.limit(Math.min(start + mode.step(buffer), payloadBytes));
                readFully(channel, header, buffer);
                if (mode == Mode.CHECKED) {
                    crc.update(buffer.position(start));
                }
            }
            checksums.add(crc.getValue());
            return buffer.position();
        }
    }

    private static void readFully(FileChannel channel, long header, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, header + buffer.position()) < 0) {
                throw new EOFException("A chunk file became shorter while it was read");
            }
        }
    }

    @Override
    public void close() {
        threads.close();
        region.close();
    }
}
