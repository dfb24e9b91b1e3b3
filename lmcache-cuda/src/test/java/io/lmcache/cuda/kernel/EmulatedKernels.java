package io.lmcache.cuda.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The library that runs the kernels' own source on the CPU. */
public final class EmulatedKernels {
    private static final Path KERNELS = Path.of("../lmcache-cuda/src/main/cuda");
    private static final Path EMULATOR = Path.of("../lmcache-cuda/src/test/cpp/emulated-kernels.cpp");

    private EmulatedKernels() {}

    /** Its functions; skips the test where there is no C++ compiler. */
    // Restricted: loading a native library is the purpose.
    @SuppressWarnings("restricted")
    public static SymbolLookup load() throws IOException, InterruptedException {
        return SymbolLookup.libraryLookup(library(), Arena.global());
    }

    /** Compiled once for a state of the sources. */
    private static synchronized Path library() throws IOException, InterruptedException {
        assumeTrue(hasCompiler(), "no C++ compiler (c++) here: the kernels cannot be emulated");
        Path library = Path.of("target", "emulated-kernels.so").toAbsolutePath();
        if (!Files.exists(library) || isOlder(library)) {
            Files.createDirectories(library.getParent());
            run(
                    "c++",
                    "-std=c++17",
                    "-O2",
                    // Fibers jump between stacks, which a hardened longjmp takes for an attack.
                    "-U_FORTIFY_SOURCE",
                    "-Wall",
                    "-Werror",
                    "-Wno-unknown-pragmas",
                    "-fPIC",
                    "-shared",
                    "-I" + KERNELS,
                    EMULATOR.toString(),
                    "-o",
                    library.toString());
        }
        return library;
    }

    private static boolean hasCompiler() throws IOException, InterruptedException {
        return new ProcessBuilder("sh", "-c", "command -v c++").start().waitFor() == 0;
    }

    private static boolean isOlder(Path library) throws IOException {
        for (Path source : new Path[] {EMULATOR, KERNELS.resolve("kv-copy.cu"), KERNELS.resolve("crc32c.cu")}) {
            if (Files.getLastModifiedTime(library).compareTo(Files.getLastModifiedTime(source)) <= 0) {
                return true;
            }
        }
        return false;
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("compiled in time").isTrue();
        assertThat(process.exitValue()).as(String.join(" ", command)).isZero();
    }
}
