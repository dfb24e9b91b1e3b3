package io.lmcache.api.posix;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An open file or directory, by its descriptor. Names passed to a directory's methods are resolved there, whatever has
 * become of the path that it was opened by.
 *
 * <p>Thread-safe, except that nothing may be called while or after the file is closed: another file may have its number by
 * then. All methods throw {@link PosixException} where the operating system refuses.
 */
public final class PosixFile implements Closeable {
    private static final MethodHandle OPENAT =
            CLibrary.variadicFrom(3, "openat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT));
    private static final MethodHandle CLOSE = CLibrary.function("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle STATX =
            CLibrary.function("statx", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS));
    private static final MethodHandle UNLINKAT =
            CLibrary.function("unlinkat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
    private static final MethodHandle RENAMEAT =
            CLibrary.function("renameat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
    private static final MethodHandle MKDIRAT =
            CLibrary.function("mkdirat", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));

    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final int CURRENT_DIRECTORY = -100;
    private static final int EMPTY_PATH = 0x1000;
    private static final int SYMLINK_NOFOLLOW = 0x100;
    private static final int REMOVE_DIRECTORY = 0x200;

    private final String path;
    private final int descriptor;
    private final AtomicBoolean isClosed = new AtomicBoolean();

    private PosixFile(String path, int descriptor) {
        this.path = path;
        this.descriptor = descriptor;
    }

    /** Opens a file, which the caller closes. Made with {@link OpenFlag#CREATE}, it is for its owner alone. */
    public static PosixFile open(Path file, OpenFlag... flags) throws PosixException {
        return open(CURRENT_DIRECTORY, file.toString(), file.toString(), flags);
    }

    /** Opens a file of this directory, as {@link #open} does. */
    public PosixFile openAt(String name, OpenFlag... flags) throws PosixException {
        return open(descriptor, name, below(name), flags);
    }

    private static PosixFile open(int directory, String name, String path, OpenFlag... flags) throws PosixException {
        int bits = OpenFlag.bits(flags);
        return new PosixFile(path, (int) CLibrary.call("open", path, (arena, state) -> (int)
                OPENAT.invokeExact(state, directory, NativeText.of(arena, name), bits, FileModes.PRIVATE_FILE_BITS)));
    }

    /** The status of a path that is not opened; a symbolic link is not followed. */
    public static FileStatus status(Path file) throws PosixException {
        return status(CURRENT_DIRECTORY, file.toString(), SYMLINK_NOFOLLOW, file.toString());
    }

    /** The status of what is open. */
    public FileStatus status() throws PosixException {
        return status(descriptor, "", EMPTY_PATH, path);
    }

    /** The status of an entry of this directory; a symbolic link is not followed. */
    public FileStatus statusAt(String name) throws PosixException {
        return status(descriptor, name, SYMLINK_NOFOLLOW, below(name));
    }

    private static FileStatus status(int directory, String name, int flags, String path) throws PosixException {
        try (Arena results = Arena.ofConfined()) {
            MemorySegment statx = results.allocate(FileStatus.STATX_BYTES, Long.BYTES);
            CLibrary.call("statx", path, (arena, state) -> (int) STATX.invokeExact(
                    state, directory, NativeText.of(arena, name), flags, FileStatus.STATX_BASIC, statx));
            return FileStatus.of(statx);
        }
    }

    /** Removes an entry of this directory that is no directory. */
    public void removeFile(String name) throws PosixException {
        remove(name, 0);
    }

    /** Removes an empty directory from this one. */
    public void removeDirectory(String name) throws PosixException {
        remove(name, REMOVE_DIRECTORY);
    }

    private void remove(String name, int flags) throws PosixException {
        CLibrary.call("unlink", below(name), (arena, state) ->
                (int) UNLINKAT.invokeExact(state, descriptor, NativeText.of(arena, name), flags));
    }

    /** Moves an entry of this directory to another of the same file system, over what has its name there. */
    public void rename(String name, PosixFile directory, String newName) throws PosixException {
        CLibrary.call("rename", below(name), (arena, state) -> (int) RENAMEAT.invokeExact(
                state, descriptor, NativeText.of(arena, name), directory.descriptor, NativeText.of(arena, newName)));
    }

    /** Makes a directory in this one, for its owner alone. */
    public void makeDirectory(String name) throws PosixException {
        CLibrary.call("mkdir", below(name), (arena, state) -> (int)
                MKDIRAT.invokeExact(state, descriptor, NativeText.of(arena, name), FileModes.PRIVATE_DIRECTORY_BITS));
    }

    /**
     * Maps the first bytes of the file, for reading and writing, shared with everyone else who maps it, until the arena is
     * closed. The file may be closed before. Access beyond the file's end is an {@link InternalError}.
     */
    public MemorySegment map(long bytes, Arena owner) throws PosixException {
        return NativeMemory.shared(descriptor, path, bytes, owner);
    }

    /** The number of the descriptor, for other native libraries. It stays this object's. */
    public int descriptor() {
        return descriptor;
    }

    /**
     * A path by which what is open here can be opened once more, in another way, whatever has become of its name. It is good
     * as long as this is open, and where {@code /proc} is mounted.
     */
    public Path again() {
        return DESCRIPTORS.resolve(Integer.toString(descriptor));
    }

    /** Whether {@link #again} leads anywhere. */
    public static boolean canOpenAgain() {
        return Files.isDirectory(DESCRIPTORS);
    }

    /** Closes the descriptor. Idempotent. Whatever the operating system answers, it is gone then. */
    @Override
    public void close() throws PosixException {
        if (isClosed.compareAndSet(false, true)) {
            CLibrary.call("close", path, (arena, state) -> (int) CLOSE.invokeExact(state, descriptor));
        }
    }

    private String below(String name) {
        return path + "/" + name;
    }

    @Override
    public String toString() {
        return path + " (descriptor " + descriptor + ")";
    }
}
