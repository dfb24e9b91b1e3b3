package io.lmcache.backend.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Faults of the C library's calls below chosen paths, in a process into which the library of {@code faults.c} is preloaded.
 * Thread-safe.
 */
final class PreloadedFaults {
    /** The kinds of calls, with their numbers in the C source. */
    enum Call {
        OPEN(0),
        STAT(1),
        READ(2),
        WRITE(3),
        FSYNC(4),
        RENAME(5),
        UNLINK(6),
        MKDIR(7),
        LOCK(8),
        LIST(9),
        STATFS(10),
        CLOSE(11),
        TOUCH(12);

        private final int number;

        Call(int number) {
            this.number = number;
        }
    }

    private static final int HANG = -1;

    private final MethodHandle set;
    private final MethodHandle struck;
    private final AtomicInteger slots = new AtomicInteger();

    /** The faults of this process, into which that library was preloaded. */
    @SuppressWarnings("restricted")
    PreloadedFaults(Path library) {
        SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
        Linker linker = Linker.nativeLinker();
        set = linker.downcallHandle(
                symbols.findOrThrow("faults_set"),
                FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT));
        struck =
                linker.downcallHandle(symbols.findOrThrow("faults_struck"), FunctionDescriptor.of(JAVA_LONG, JAVA_INT));
    }

    /** Builds the library. */
    static Path build(Path folder) throws Exception {
        Path source = folder.resolve("faults.c");
        try (InputStream text = PreloadedFaults.class.getResourceAsStream("faults.c")) {
            Files.copy(Objects.requireNonNull(text), source);
        }
        Path library = folder.resolve("libfaults.so");
        Process compiler = new ProcessBuilder(List.of(
                        "cc",
                        "-Wall",
                        "-Werror",
                        "-shared",
                        "-fPIC",
                        "-O1",
                        "-D_LARGEFILE64_SOURCE",
                        "-o",
                        library.toString(),
                        source.toString(),
                        "-ldl"))
                .redirectErrorStream(true)
                .start();
        String said = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
            throw new IOException("cc: " + said);
        }
        return library;
    }

    /** A fault that is there until it is closed. */
    interface Fault extends AutoCloseable {
        /** How many calls it has struck. */
        long calls();

        @Override
        void close();
    }

    /** Lets every so manyth call of that kind below that directory fail with that error. */
    Fault fail(Path directory, Call call, int errno, int every) {
        return begin(directory, Set.of(call), errno, every);
    }

    /** Lets the calls of these kinds below that directory hang. */
    Fault hang(Path directory, Set<Call> calls) {
        return begin(directory, calls, HANG, 1);
    }

    private Fault begin(Path directory, Set<Call> calls, int error, int every) {
        int slot = slots.getAndIncrement();
        int bits = calls.stream().mapToInt(call -> 1 << call.number).sum();
        set(slot, directory.toString(), bits, error, every);
        return new Fault() {
            @Override
            public long calls() {
                return struck(slot);
            }

            @Override
            public void close() {
                set(slot, "", 0, 0, 1);
            }
        };
    }

    private void set(int slot, String path, int calls, int error, int every) {
        try (Arena arena = Arena.ofConfined()) {
            set.invokeExact(slot, arena.allocateFrom(path), calls, error, every);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private long struck(int slot) {
        try {
            return (long) struck.invokeExact(slot);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
