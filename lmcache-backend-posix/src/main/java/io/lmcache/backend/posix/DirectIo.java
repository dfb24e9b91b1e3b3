package io.lmcache.backend.posix;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/** O_DIRECT: the option, what it is aligned to, and a probe whether a file system takes it. Stateless. */
final class DirectIo {
    /** What the offset, the length and the address of direct I/O are multiples of here, in bytes. */
    static final int ALIGNMENT = 4096;

    static final OpenOption OPTION = openOption();

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
    static ByteBuffer allocate(int bytes) {
        return ByteBuffer.allocateDirect(bytes + ALIGNMENT)
                .alignedSlice(ALIGNMENT)
                .slice(0, bytes);
    }

    /** Writes and reads one block of a file in that directory; the answer is why it cannot be done, empty when it can. */
    static Optional<String> probe(Path directory) {
        try {
            Path file = Files.createTempFile(
                    directory,
                    ".direct-io-probe",
                    ".tmp",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
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
