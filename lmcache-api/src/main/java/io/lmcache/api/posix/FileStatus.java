package io.lmcache.api.posix;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Instant;

/**
 * What the operating system knows of a file. Immutable and thread-safe.
 *
 * @param mode type and permissions, as {@code st_mode}
 * @param user the number of its owner
 * @param links how many names it has
 * @param size in bytes
 * @param allocatedBytes what it takes of the disk; more or less than its size
 * @param device the number of its file system
 * @param inode its number there
 * @param modified when its content last changed
 */
public record FileStatus(
        int mode, int user, int links, long size, long allocatedBytes, long device, long inode, Instant modified) {
    /** The layout of {@code struct statx} is the same on all machines; that of {@code struct stat} is not. */
    static final int STATX_BYTES = 256;
    /** All that {@code struct stat} has. */
    static final int STATX_BASIC = 0x7ff;

    private static final int TYPE = 0xf000;
    private static final int DIRECTORY = 0x4000;
    private static final int REGULAR = 0x8000;
    private static final int LINK = 0xa000;
    private static final int BLOCK_BYTES = 512;

    static FileStatus of(MemorySegment statx) {
        return new FileStatus(
                Short.toUnsignedInt(statx.get(ValueLayout.JAVA_SHORT, 28)),
                statx.get(ValueLayout.JAVA_INT, 20),
                statx.get(ValueLayout.JAVA_INT, 16),
                statx.get(ValueLayout.JAVA_LONG, 40),
                statx.get(ValueLayout.JAVA_LONG, 48) * BLOCK_BYTES,
                (long) statx.get(ValueLayout.JAVA_INT, 136) << Integer.SIZE | statx.get(ValueLayout.JAVA_INT, 140),
                statx.get(ValueLayout.JAVA_LONG, 32),
                Instant.ofEpochSecond(statx.get(ValueLayout.JAVA_LONG, 112), statx.get(ValueLayout.JAVA_INT, 120)));
    }

    /** Whether it is a plain file. */
    public boolean isRegularFile() {
        return (mode & TYPE) == REGULAR;
    }

    /** Whether it is a directory. */
    public boolean isDirectory() {
        return (mode & TYPE) == DIRECTORY;
    }

    /** Whether it is a symbolic link. */
    public boolean isSymbolicLink() {
        return (mode & TYPE) == LINK;
    }

    /** What owner, group and others may do, in the lowest nine bits. */
    public int permissions() {
        return mode & 0777;
    }
}
