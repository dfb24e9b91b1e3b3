package io.lmcache.backend.gds.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.lmcache.api.memory.DeviceBuffer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The kernels' own source on the CPU; device memory is host memory, and a launch is done when it returns. */
public final class EmulatedDevice implements TestDevice, KernelStream {
    private static final Path KERNELS = Path.of("src/main/cuda");
    private static final Path EMULATOR = Path.of("src/test/cpp/emulated-kernels.cpp");

    private final Arena arena = Arena.ofShared();
    private final MethodHandle emulate;

    // Restricted: loading a native library is the purpose.
    @SuppressWarnings("restricted")
    private EmulatedDevice(Path library) {
        this.emulate = Linker.nativeLinker()
                .downcallHandle(
                        SymbolLookup.libraryLookup(library, arena).findOrThrow("emulate"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS));
    }

    /** An emulated device; skips the test where there is no C++ compiler. */
    public static EmulatedDevice open() throws IOException, InterruptedException {
        return new EmulatedDevice(library());
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

    @Override
    public KernelStream stream() {
        return this;
    }

    @Override
    public DeviceBuffer allocate(long bytes) {
        return new DeviceBuffer(arena.allocate(Math.max(1, bytes), 4096).address(), bytes, 0);
    }

    @Override
    public int ordinal() {
        return 0;
    }

    @Override
    public void launch(String kernel, Grid grid, MemorySegment parameter) {
        try (Arena call = Arena.ofConfined()) {
            int status = (int) emulate.invokeExact(
                    call.allocateFrom(kernel), grid.x(), grid.y(), grid.z(), Grid.THREADS, parameter);
            assertThat(status).as("status of kernel %s", kernel).isZero();
        } catch (Throwable e) {
            throw new AssertionError("cannot emulate " + kernel, e);
        }
    }

    @Override
    public void copyToDevice(MemorySegment source, DeviceBuffer target) {
        segment(target).copyFrom(source);
    }

    @Override
    public void copyToHost(DeviceBuffer source, MemorySegment target) {
        target.copyFrom(segment(source));
    }

    @SuppressWarnings("restricted")
    private static MemorySegment segment(DeviceBuffer buffer) {
        return MemorySegment.ofAddress(buffer.address()).reinterpret(buffer.byteSize());
    }

    @Override
    public void synchronize() {}

    @Override
    public void close() {
        arena.close();
    }
}
