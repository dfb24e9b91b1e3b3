package io.lmcache.backend.s3;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * This process's memory as the file that Linux shows it as, in which a byte's position is its address.
 *
 * <p>The client gives the bytes of an answer to Java on the heap, but writes them to a file by itself: so it is told to write
 * to this one, at the address of a chunk's buffer.
 */
final class OwnMemory {
    private static final Path FILE = Path.of("/proc/self/mem");
    private static final byte MARK = 0x5a;

    private OwnMemory() {}

    /** The file, where it can be written to; in some sandboxes it cannot. */
    static Optional<Path> file() {
        try (Arena arena = Arena.ofConfined();
                FileChannel memory = FileChannel.open(FILE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MemorySegment target = arena.allocate(1);
            memory.write(ByteBuffer.wrap(new byte[] {MARK}), target.address());
            return target.get(ValueLayout.JAVA_BYTE, 0) == MARK ? Optional.of(FILE) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
