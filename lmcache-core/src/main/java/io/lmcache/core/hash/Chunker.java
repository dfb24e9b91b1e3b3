package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Cuts prompts into chunks and names them. Immutable and thread-safe.
 *
 * @param hasher names the chunks
 * @param chunkSize tokens a chunk, at least 1
 * @param saveUnfullChunk whether the last chunk of a prompt counts when it has fewer tokens
 */
public record Chunker(ChunkHasher hasher, int chunkSize, boolean saveUnfullChunk) {
    /** Checks the chunk size. */
    public Chunker {
        if (chunkSize < 1) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT, "chunk_size is " + chunkSize + ", allowed are 1 and above");
        }
    }

    /**
     * The chunks of a prompt.
     *
     * @param scope whose KV it is
     * @param tokens the token ids from position to limit; left as they are
     */
    public PromptChunks chunks(KeyScope scope, IntBuffer tokens) {
        int count = tokens.remaining();
        int covered = saveUnfullChunk ? count : count / chunkSize * chunkSize;
        List<ChunkHash> hashes = hasher.hash(tokens.slice(tokens.position(), covered), chunkSize);
        List<ChunkKey> keys = new ArrayList<>(hashes.size());
        for (ChunkHash hash : hashes) {
            keys.add(new ChunkKey(scope, hash));
        }
        return new PromptChunks(keys, chunkSize, covered);
    }
}
