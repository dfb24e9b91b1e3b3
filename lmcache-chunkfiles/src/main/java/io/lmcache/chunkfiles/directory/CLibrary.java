package io.lmcache.chunkfiles.directory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The functions of the C library that this package calls. Stateless and thread-safe. */
final class CLibrary {
    // More than any message has, in any language.
    private static final long MAX_MESSAGE_BYTES = 4096;
    private static final Charset NAMES = Charset.forName(System.getProperty("sun.jnu.encoding"));

    // struct statx of Linux
    private static final int AT_FDCWD = -100;
    private static final int AT_SYMLINK_NOFOLLOW = 0x100;
    private static final int STATX_BLOCKS = 0x400;
    private static final long STATX_BYTES = 256;
    private static final long MASK_OFFSET = 0;
    private static final long BLOCKS_OFFSET = 48;
    private static final int BYTES_PER_BLOCK = 512;
    private static final @Nullable MethodHandle STATX = statx();

    private CLibrary() {}

    // Asked before: a restricted call without the grant is a warning or an error, as the JVM was told.
    private static boolean isGranted() {
        return CLibrary.class.getModule().isNativeAccessEnabled();
    }

    /** What the error of that number is called, in this process's language; empty where native access is not granted. */
    static Optional<String> strerror(int number) {
        return isGranted() ? Optional.of(text(number)) : Optional.empty();
    }

    @SuppressWarnings("restricted")
    private static String text(int number) {
        Linker linker = Linker.nativeLinker();
        MethodHandle strerror = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("strerror"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try {
            MemorySegment text = (MemorySegment) strerror.invokeExact(number);
            return text.reinterpret(MAX_MESSAGE_BYTES).getString(0, NAMES);
        } catch (Throwable e) {
            throw new AssertionError("strerror throws nothing", e);
        }
    }

    @SuppressWarnings("restricted")
    private static @Nullable MethodHandle statx() {
        if (!isGranted()) {
            return null;
        }
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup()
                .find("statx")
                .map(address -> linker.downcallHandle(
                        address,
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS)))
                .orElse(null);
    }

    /**
     * The bytes that the file system has given to a file, which is more or less than its length; empty where it does not tell,
     * there is no such file, or native access is not granted.
     */
    static OptionalLong allocatedBytes(Path file) {
        if (STATX == null) {
            return OptionalLong.empty();
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment path = arena.allocateFrom(file.toString(), NAMES);
            MemorySegment answer = arena.allocate(STATX_BYTES, Long.BYTES);
            int status = (int) STATX.invokeExact(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BLOCKS, answer);
            boolean isKnown = status == 0 && (answer.get(ValueLayout.JAVA_INT, MASK_OFFSET) & STATX_BLOCKS) != 0;
            return isKnown
                    ? OptionalLong.of(answer.get(ValueLayout.JAVA_LONG, BLOCKS_OFFSET) * BYTES_PER_BLOCK)
                    : OptionalLong.empty();
        } catch (Throwable e) {
            throw new AssertionError("statx throws nothing", e);
        }
    }
}
