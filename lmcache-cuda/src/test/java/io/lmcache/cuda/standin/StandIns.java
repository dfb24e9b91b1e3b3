package io.lmcache.cuda.standin;

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
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Stand-ins for libcuda.so.1 and libcufile.so.0, built from C and loaded in their place; tests are skipped where there is
 * no C compiler. After every test they must have seen no breach of the libraries' rules and hold nothing any more.
 */
public final class StandIns implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback {
    private static final Path SOURCES = Path.of("../lmcache-cuda/src/test/c");

    /** Loaded once: the dynamic linker then answers with them whenever libcuda.so.1 or libcufile.so.0 is asked for. */
    private static final class Libraries {
        private static final Path CUDA = build("cuda_standin.c", "libcuda.so.1");
        private static final Path CUFILE = build("cufile_standin.c", "libcufile.so.0", CUDA.toString());
        private static final SymbolLookup SYMBOLS = load(CUDA).or(load(CUFILE));

        private static Path build(String source, String library, String... linked) {
            try {
                Path folder = Files.createDirectories(Path.of("target/stand-ins"));
                Path output = folder.resolve(library).toAbsolutePath();
                List<String> command = new ArrayList<>(
                        List.of("cc", "-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-Wl,-soname," + library, "-o"));
                command.addAll(
                        List.of(output.toString(), SOURCES.resolve(source).toString()));
                command.addAll(Arrays.asList(linked));
                Process cc = new ProcessBuilder(command).inheritIO().start();
                assertThat(cc.waitFor()).as("exit status of %s", command).isZero();
                return output;
            } catch (IOException | InterruptedException e) {
                throw new AssertionError("cannot build the stand-in " + library, e);
            }
        }

        @SuppressWarnings("restricted")
        private static SymbolLookup load(Path library) {
            return SymbolLookup.libraryLookup(library, Arena.global());
        }
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        assumeTrue(
                hasCompiler(), "no C compiler (cc) on the path: the stand-ins of libcuda and libcufile are not built");
        assertThat(Libraries.SYMBOLS.find("standin_reset")).isPresent();
    }

    private static boolean hasCompiler() {
        return Arrays.stream(System.getenv("PATH").split(":", -1))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc")));
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        call("standin_reset", FunctionDescriptor.ofVoid());
        cufileProperties(0, 0, 0);
        cufileMostBytes(Long.MAX_VALUE);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        assertThat(violations()).as("breaches of the rules of CUDA and cuFile").isEmpty();
        assertThat(number("standin_cufile_handles")).as("registered files").isZero();
        assertThat(number("standin_cufile_buffers")).as("registered buffers").isZero();
        assertThat(number("standin_cufile_is_open")).as("open cuFile drivers").isZero();
        assertThat(number("standin_allocated_bytes")).as("device memory").isZero();
        assertThat(number("standin_imported_bytes"))
                .as("mapped memory of other processes")
                .isZero();
        assertThat(number("standin_locked_bytes")).as("page-locked memory").isZero();
        assertThat(number("standin_live_streams")).as("streams").isZero();
        assertThat(number("standin_live_events")).as("events").isZero();
        assertThat(number("standin_live_modules")).as("loaded kernel modules").isZero();
        assertThat(number("standin_retained_contexts")).as("contexts").isZero();
    }

    /** From now on launched kernels run in this emulation. */
    public static void emulateKernels(SymbolLookup emulation) {
        call(
                "standin_kernels",
                FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS),
                emulation.findOrThrow("emulate"),
                emulation.findOrThrow("parameter_bytes"));
    }

    /** The file of the stand-in for libcufile. */
    public static Path cufileLibrary() {
        return Libraries.CUFILE;
    }

    /** From now on the call answers with that code. */
    public static void failAlways(String call, int code) {
        fail(call, code, 0, Long.MAX_VALUE);
    }

    /** The call answers with that code so many times, after so many good ones. */
    public static void fail(String call, int code, long after, long times) {
        try (Arena arena = Arena.ofConfined()) {
            call(
                    "standin_fail",
                    FunctionDescriptor.ofVoid(
                            ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG),
                    arena.allocateFrom(call),
                    code,
                    after,
                    times);
        }
    }

    /** How often a call was made since the test began. */
    public static long count(String call) {
        try (Arena arena = Arena.ofConfined()) {
            return (long) call(
                    "standin_count",
                    FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS),
                    arena.allocateFrom(call));
        }
    }

    /** The memory of the device, in bytes. */
    public static void totalMemory(long bytes) {
        call("standin_total_memory", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG), bytes);
    }

    /** The number of devices. */
    public static void devices(int count) {
        call("standin_devices", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT), count);
    }

    /** What libcufile says of itself. */
    public static void cufileProperties(int nvidiaFsMajor, int fileSystems, int features) {
        call(
                "standin_cufile_properties",
                FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
                nvidiaFsMajor,
                fileSystems,
                features);
    }

    /** The most bytes that one cuFile read or write moves. */
    public static void cufileMostBytes(long bytes) {
        call("standin_cufile_most_bytes", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG), bytes);
    }

    /** Device memory in use, in bytes. */
    public static long allocatedBytes() {
        return number("standin_allocated_bytes");
    }

    /** What is mapped of other processes' memory, in bytes. */
    public static long importedBytes() {
        return number("standin_imported_bytes");
    }

    /** Page-locked memory, in bytes. */
    public static long lockedBytes() {
        return number("standin_locked_bytes");
    }

    /** Files that are registered with libcufile. */
    public static long cufileHandles() {
        return number("standin_cufile_handles");
    }

    /** The breaches of rules so far, one a line; a test that causes one on purpose clears them. */
    public static String violations() {
        MemorySegment text = (MemorySegment) call("standin_violations", FunctionDescriptor.of(ValueLayout.ADDRESS));
        return reinterpret(text).getString(0);
    }

    @SuppressWarnings("restricted")
    private static MemorySegment reinterpret(MemorySegment text) {
        return text.reinterpret(8192);
    }

    private static long number(String name) {
        return (long) call(name, FunctionDescriptor.of(ValueLayout.JAVA_LONG));
    }

    @SuppressWarnings("restricted")
    private static Object call(String name, FunctionDescriptor descriptor, Object... arguments) {
        try {
            return Linker.nativeLinker()
                    .downcallHandle(Libraries.SYMBOLS.findOrThrow(name), descriptor)
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(name, e);
        }
    }
}
