package io.lmcache.api.posix;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.util.Optional;

/** Text as the C library has it: in the encoding that the JDK uses for paths, too. Stateless and thread-safe. */
final class NativeText {
    private static final Charset CHARSET = Charset.forName(System.getProperty("sun.jnu.encoding"));

    // More than any message has, in any language.
    private static final long MAX_MESSAGE_BYTES = 4096;

    private NativeText() {}

    /** The text for a call, with the zero at its end. */
    static MemorySegment of(Arena arena, String text) {
        return arena.allocateFrom(text, CHARSET);
    }

    /** What the error of that number is called, in this process's language; empty where native access is not granted. */
    static Optional<String> ofError(int number) {
        // Asked before: a restricted call without the grant is a warning or an error, as the JVM was told.
        return NativeText.class.getModule().isNativeAccessEnabled() ? Optional.of(strerror(number)) : Optional.empty();
    }

    @SuppressWarnings("restricted")
    private static String strerror(int number) {
        Linker linker = Linker.nativeLinker();
        MethodHandle strerror = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("strerror"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try {
            MemorySegment text = (MemorySegment) strerror.invokeExact(number);
            return text.reinterpret(MAX_MESSAGE_BYTES).getString(0, CHARSET);
        } catch (Throwable e) {
            throw new AssertionError("strerror throws nothing", e);
        }
    }
}
