package io.lmcache.chunkfiles.format;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.KeyScope;
import java.util.Optional;

/** How a version of LMCache calls the file of a chunk. Thread-safe. */
interface LmcacheNames {
    /**
     * What is the same in the names of all chunks of a scope.
     *
     * @param before the file's name up to the hash
     * @param after the file's name from behind the hash, without the suffix
     */
    record ScopeName(String before, String after) {}

    /** Why LMCache has no name for chunks of the scope, as a sentence without its full stop; empty when it has one. */
    Optional<String> objectionTo(KeyScope scope);

    /** The parts of names; only for scopes without an objection. */
    ScopeName of(KeyScope scope);

    /** The hash as it stands in the file's name. */
    String inName(ChunkHash hash);

    /** The text whose first four characters name the two directories. */
    String inDirectories(ChunkHash hash);

    /** What a file's name says, without its suffix; empty when it is no name of this version. */
    Optional<LmcacheName> parse(String name);
}
