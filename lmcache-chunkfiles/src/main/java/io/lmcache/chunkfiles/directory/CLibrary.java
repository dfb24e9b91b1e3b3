package io.lmcache.chunkfiles.directory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.Charset;
import java.util.Optional;

/** The one function of the C library that this package calls. Stateless and thread-safe. */
final class CLibrary {
    // More than any message has, in any language.
    private static final long MAX_MESSAGE_BYTES = 4096;

    private CLibrary() {}

    /** What the error of that number is called, in this process's language; empty where native access is not granted. */
    static Optional<String> strerror(int number) {
        // Asked before: a restricted call without the grant is a warning or an error, as the JVM was told.
        return CLibrary.class.getModule().isNativeAccessEnabled() ? Optional.of(text(number)) : Optional.empty();
    }

    @SuppressWarnings("restricted")
    private static String text(int number) {
        Linker linker = Linker.nativeLinker();
        MethodHandle strerror = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("strerror"),
                FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
        try {
            MemorySegment text = (MemorySegment) strerror.invokeExact(number);
            return text.reinterpret(MAX_MESSAGE_BYTES)
                    .getString(0, Charset.forName(System.getProperty("sun.jnu.encoding")));
        } catch (Throwable e) {
            throw new AssertionError("strerror throws nothing", e);
        }
    }
}
