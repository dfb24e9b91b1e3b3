package io.lmcache.core.hash;

import io.lmcache.api.ChunkHash;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/** The hashes of one prompt as they follow from each other. Confined to one thread. */
interface HashChain {
    /**
     * The hash of the next chunk.
     *
     * @param tokens its token ids from position to limit, none of them negative; may be used up
     */
    ChunkHash next(IntBuffer tokens);

    /**
     * The hashes of a prompt's chunks, for {@link ChunkHasher#hash}.
     *
     * @param begin begins a chain of chunks that have at most so many tokens each
     */
    static List<ChunkHash> over(IntBuffer tokens, int chunkSize, IntFunction<HashChain> begin) {
        requireTokenIds(tokens);
        int count = tokens.remaining();
        HashChain chain = begin.apply(Math.min(chunkSize, count));
        List<ChunkHash> hashes = new ArrayList<>(Math.ceilDiv(count, chunkSize));
        for (int done = 0; done < count; ) {
            int length = Math.min(chunkSize, count - done);
            hashes.add(chain.next(tokens.slice(tokens.position() + done, length)));
            done += length;
        }
        return hashes;
    }

    private static void requireTokenIds(IntBuffer tokens) {
        // One check of the sign bits of all tokens in place of a branch for each.
        int signs = 0;
        for (int i = tokens.position(); i < tokens.limit(); i++) {
            signs |= tokens.get(i);
        }
        if (signs < 0) {
            throw negativeToken(tokens);
        }
    }

    private static LmcacheException negativeToken(IntBuffer tokens) {
        int index = tokens.position();
        while (tokens.get(index) >= 0) {
            index++;
        }
        return new LmcacheException(
                ErrorCode.INVALID_ARGUMENT,
                "Token id " + tokens.get(index) + " at index " + index
                        + " of the buffer is negative; token ids are 0 and above");
    }
}
