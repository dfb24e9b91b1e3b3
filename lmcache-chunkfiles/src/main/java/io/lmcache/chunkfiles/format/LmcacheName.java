package io.lmcache.chunkfiles.format;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.KvDtype;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;

/**
 * What the name of a file of LMCache says. Immutable and thread-safe.
 *
 * @param model the model
 * @param worldSize the number of ranks
 * @param rank the rank
 * @param hash the chunk hash
 * @param dtype the element type, where the version writes it into names
 * @param layer the layer, where the file holds one layer only
 * @param tags the tags
 */
record LmcacheName(
        String model,
        int worldSize,
        int rank,
        ChunkHash hash,
        Optional<KvDtype> dtype,
        OptionalInt layer,
        SortedMap<String, String> tags) {}
