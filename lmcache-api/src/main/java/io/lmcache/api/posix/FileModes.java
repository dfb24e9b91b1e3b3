package io.lmcache.api.posix;

import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** The modes of what the product creates: a KV cache holds its users' prompts, so nobody else may read it. */
public final class FileModes {
    /** Read and written by its owner alone. */
    public static final FileAttribute<Set<PosixFilePermission>> PRIVATE_FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
    /** Listed, entered and changed by its owner alone. */
    public static final FileAttribute<Set<PosixFilePermission>> PRIVATE_DIRECTORY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    static final int PRIVATE_FILE_BITS = 0600;
    static final int PRIVATE_DIRECTORY_BITS = 0700;

    private FileModes() {}
}
