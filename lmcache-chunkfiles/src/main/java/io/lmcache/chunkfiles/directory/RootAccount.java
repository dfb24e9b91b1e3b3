package io.lmcache.chunkfiles.directory;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What the writers of a root on this machine count together. Immutable and thread-safe.
 *
 * @param isMeasured whether they have found out what is stored; they do where a limit is set
 * @param stored the bytes stored
 * @param reserved the bytes of files that are being written
 * @param writers how many keep the account
 */
public record RootAccount(boolean isMeasured, long stored, long reserved, long writers) {
    /** The account of that root; empty while nobody on this machine writes there. */
    public static Optional<RootAccount> of(Path root) {
        return DirectoryAccount.look(root.resolve(ChunkRoot.CONTROL));
    }
}
