package io.lmcache.api.posix;

/** How a file is opened. Each descriptor is closed when another program is started ({@code O_CLOEXEC}). Immutable. */
public enum OpenFlag {
    /** For reading only. */
    READ_ONLY(0),
    /** For writing only. */
    WRITE_ONLY(1),
    /** For reading and writing. */
    READ_WRITE(2),
    /** Make the file if it is missing. */
    CREATE(0x40),
    /** With {@link #CREATE}: fail where there is something of that name. */
    EXCLUSIVE(0x80),
    /** Do not wait: neither for the other end of a pipe nor for anything else that is no file. */
    NO_WAIT(0x800),
    /** Past the page cache. */
    DIRECT(0x4000, 0x10000),
    /** Only a directory. */
    DIRECTORY(0x10000, 0x4000),
    /** Fail where the last part of the path is a symbolic link. */
    NO_FOLLOW(0x20000, 0x8000),
    /**
     * Find it only: nothing is read, written, waited for or woken. With {@link #NO_FOLLOW} a symbolic link is found as
     * itself.
     */
    PATH_ONLY(0x200000);

    private static final int CLOSE_ON_EXEC = 0x80000;

    private final int bit;

    OpenFlag(int bit) {
        this(bit, bit);
    }

    /** ARM numbers some of them in another way. */
    OpenFlag(int bitOfX86, int bitOfArm) {
        this.bit = System.getProperty("os.arch").equals("aarch64") ? bitOfArm : bitOfX86;
    }

    static int bits(OpenFlag... flags) {
        int bits = CLOSE_ON_EXEC;
        for (OpenFlag flag : flags) {
            bits |= flag.bit;
        }
        return bits;
    }
}
