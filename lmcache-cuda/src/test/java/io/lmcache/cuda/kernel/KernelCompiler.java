package io.lmcache.cuda.kernel;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * NVRTC, CUDA's compiler as a library: it needs no host compiler and no CUDA installation. One version is pinned, because
 * its PTX states the old version 7.8, and so that the same source gives the same text. {@code scripts/build-kernels} runs
 * this file as a program.
 */
final class KernelCompiler {
    /** The kernel files, without their suffix. */
    static final List<String> KERNEL_FILES = List.of("kv-copy", "crc32c");

    private static final List<String> OPTIONS = List.of("--gpu-architecture=compute_70", "--std=c++17");

    private final SymbolLookup library;
    private final Arena arena;

    // Restricted: loading a native library is what this class is for.
    @SuppressWarnings("restricted")
    KernelCompiler(Path nvrtc, Arena arena) {
        this.library = SymbolLookup.libraryLookup(nvrtc, arena);
        this.arena = arena;
    }

    /** Compiles {@code SOURCE_FOLDER/*.cu} to {@code PTX_FOLDER/*.ptx}. */
    static void main(String[] args) throws IOException {
        Path sources = Path.of(args[1]);
        Path ptx = Path.of(args[2]);
        try (Arena arena = Arena.ofConfined()) {
            KernelCompiler compiler = new KernelCompiler(Path.of(args[0]), arena);
            for (String file : KERNEL_FILES) {
                Files.writeString(ptx.resolve(file + ".ptx"), compiler.ptx(sources.resolve(file + ".cu")));
            }
        }
    }

    /** The PTX of a source file, below a header that names the source by its checksum. */
    String ptx(Path source) throws IOException {
        return header(source)
                + compile(Files.readString(source), source.getFileName().toString());
    }

    static String header(Path source) throws IOException {
        return """
                // Written by scripts/build-kernels; change %s and run it again.
                // SHA-256 of the source: %s
                """.formatted(source.getFileName(), sha256(Files.readAllBytes(source)));
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    private String compile(String source, String name) {
        MemorySegment program = arena.allocate(ValueLayout.ADDRESS);
        MemorySegment options = arena.allocate(ValueLayout.ADDRESS, OPTIONS.size());
        for (int i = 0; i < OPTIONS.size(); i++) {
            options.setAtIndex(ValueLayout.ADDRESS, i, arena.allocateFrom(OPTIONS.get(i)));
        }
        MemorySegment none = MemorySegment.NULL;
        require(
                call(
                        "nvrtcCreateProgram",
                        program,
                        arena.allocateFrom(source),
                        arena.allocateFrom(name),
                        0,
                        none,
                        none),
                "nvrtcCreateProgram");
        MemorySegment handle = program.get(ValueLayout.ADDRESS, 0);
        int compiled = call("nvrtcCompileProgram", handle, OPTIONS.size(), options);
        require(compiled, text(handle, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog"));
        return text(handle, "nvrtcGetPTXSize", "nvrtcGetPTX");
    }

    private String text(MemorySegment program, String sizeFunction, String textFunction) {
        MemorySegment size = arena.allocate(ValueLayout.JAVA_LONG);
        require(call(sizeFunction, program, size), sizeFunction);
        MemorySegment text = arena.allocate(size.get(ValueLayout.JAVA_LONG, 0));
        require(call(textFunction, program, text), textFunction);
        return text.getString(0);
    }

    private static void require(int status, String what) {
        if (status != 0) {
            throw new IllegalStateException("NVRTC status " + status + ": " + what);
        }
    }

    /** Calls a function that returns an int and takes pointers and ints. */
    @SuppressWarnings("restricted")
    private int call(String function, Object... arguments) {
        ValueLayout[] layouts = new ValueLayout[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            layouts[i] = arguments[i] instanceof Integer ? ValueLayout.JAVA_INT : ValueLayout.ADDRESS;
        }
        try {
            return (int) Linker.nativeLinker()
                    .downcallHandle(library.findOrThrow(function), FunctionDescriptor.of(ValueLayout.JAVA_INT, layouts))
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException("cannot call " + function, e);
        }
    }
}
