package io.lmcache.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The stand-in for libcuda of the GPU backend's tests, with the kernels emulated, loaded into this process: a GPU whose
 * memory is the host's and whose IPC handles are names in /dev/shm.
 */
final class StandInCuda {
    private static final Path BACKEND = Path.of("..", "lmcache-cuda");
    private static final Path BUILT = Path.of("target", "stand-ins").toAbsolutePath();

    private final SymbolLookup symbols;

    private StandInCuda(SymbolLookup symbols) {
        this.symbols = symbols;
    }

    /** The stand-in; skips the test where there is no compiler. */
    @SuppressWarnings("restricted")
    static StandInCuda load() throws IOException, InterruptedException {
        assumeTrue(isInstalled("cc") && isInstalled("c++"), "no C and C++ compilers (cc, c++) on the path");
        Files.createDirectories(BUILT);
        Path cuda = BUILT.resolve("libcuda.so.1");
        Path kernels = BUILT.resolve("emulated-kernels.so");
        run(
                "cc",
                "-shared",
                "-fPIC",
                "-O1",
                "-Wl,-soname,libcuda.so.1",
                source("src/test/c/cuda_standin.c"),
                "-o",
                cuda);
        run(
                "c++",
                "-std=c++17",
                "-O2",
                "-U_FORTIFY_SOURCE",
                "-Wno-unknown-pragmas",
                "-fPIC",
                "-shared",
                "-I" + source("src/main/cuda"),
                source("src/test/cpp/emulated-kernels.cpp"),
                "-o",
                kernels);
        StandInCuda standIn = new StandInCuda(SymbolLookup.libraryLookup(cuda, Arena.global()));
        SymbolLookup emulation = SymbolLookup.libraryLookup(kernels, Arena.global());
        standIn.call("standin_reset", FunctionDescriptor.ofVoid());
        standIn.call(
                "standin_kernels",
                FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS),
                emulation.findOrThrow("emulate"),
                emulation.findOrThrow("parameter_bytes"));
        return standIn;
    }

    private static boolean isInstalled(String program) {
        return Arrays.stream(System.getenv("PATH").split(":", -1))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, program)));
    }

    private static Path source(String name) {
        return BACKEND.resolve(name);
    }

    private static void run(Object... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        Arrays.stream(words).forEach(word -> command.add(word.toString()));
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor()).as("exit status of %s", command).isZero();
    }

    /** What is mapped of other processes' memory, in bytes. */
    long importedBytes() {
        return number("standin_imported_bytes");
    }

    /** How often a call was made. */
    long calls(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return (long) call(
                    "standin_count",
                    FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS),
                    arena.allocateFrom(name));
        }
    }

    /** No rule of CUDA was broken, and nothing is held. */
    void requireClean() {
        MemorySegment text = (MemorySegment) call("standin_violations", FunctionDescriptor.of(ValueLayout.ADDRESS));
        assertThat(text(text)).as("breaches of the rules of CUDA").isEmpty();
        for (String held : List.of(
                "standin_imported_bytes",
                "standin_allocated_bytes",
                "standin_live_streams",
                "standin_live_modules",
                "standin_retained_contexts")) {
            assertThat(number(held)).as(held).isZero();
        }
    }

    @SuppressWarnings("restricted")
    private static String text(MemorySegment text) {
        return text.reinterpret(8192).getString(0);
    }

    private long number(String name) {
        return (long) call(name, FunctionDescriptor.of(ValueLayout.JAVA_LONG));
    }

    @SuppressWarnings("restricted")
    private Object call(String name, FunctionDescriptor descriptor, Object... arguments) {
        try {
            return Linker.nativeLinker()
                    .downcallHandle(symbols.findOrThrow(name), descriptor)
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(name, e);
        }
    }
}
