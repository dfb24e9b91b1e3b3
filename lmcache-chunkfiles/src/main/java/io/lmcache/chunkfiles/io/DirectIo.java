package io.lmcache.chunkfiles.io;

import io.lmcache.api.posix.FileModes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** O_DIRECT: the option, what it is aligned to, and a probe whether a file system takes it. Stateless. */
public final class DirectIo {
    private static final Logger LOG = LoggerFactory.getLogger(DirectIo.class);

    /** What the offset, the length and the address of direct I/O are multiples of here, in bytes. */
    public static final int ALIGNMENT = 4096;

    public static final OpenOption OPTION = openOption();

    private DirectIo() {}

    // By name: the module jdk.unsupported exports the class, but javac's warning about it cannot be suppressed.
    private static OpenOption openOption() {
        try {
            Class<?> options = Class.forName("com.sun.nio.file.ExtendedOpenOption");
            return (OpenOption) options.getField("DIRECT").get(null);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("every JDK since 10 has this option", e);
        }
    }

    /** A buffer of so many bytes for direct I/O, its own to whoever asks. */
    public static ByteBuffer allocate(int bytes) {
        return ByteBuffer.allocateDirect(bytes + ALIGNMENT)
                .alignedSlice(ALIGNMENT)
                .slice(0, bytes);
    }

    /** Whether the file systems of all these directories take it; says so when one does not. */
    public static boolean isUsableIn(List<Path> directories) {
        for (Path directory : directories) {
            Optional<String> refusal = probe(directory);
            if (refusal.isPresent()) {
                LOG.warn(
                        "use_direct_io: {} does not take it ({}); the page cache is used for all paths",
                        directory,
                        refusal.get());
                return false;
            }
        }
        return true;
    }

    /** Writes and reads one block of a file in that directory; the answer is why it cannot be done, empty when it can. */
    public static Optional<String> probe(Path directory) {
        try {
            Path file = Files.createTempFile(directory, ".direct-io-probe", ".tmp", FileModes.PRIVATE_FILE);
            try {
                return probeFile(file);
            } finally {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UnsupportedOperationException e) {
            return Optional.of(e.toString());
        }
    }

    private static Optional<String> probeFile(Path file) throws IOException {
        ByteBuffer written = allocate(ALIGNMENT);
        ByteBuffer read = allocate(ALIGNMENT);
        while (written.hasRemaining()) {
            written.put((byte) written.position());
        }
        written.flip();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.READ, OPTION)) {
            if (channel.write(written, 0) != ALIGNMENT || channel.read(read, 0) != ALIGNMENT) {
                return Optional.of("a block was written or read in part");
            }
        }
        return read.flip().equals(written.flip()) ? Optional.empty() : Optional.of("a block was read back changed");
    }
}
