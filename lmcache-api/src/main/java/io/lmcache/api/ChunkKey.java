package io.lmcache.api;

/**
 * The name of a chunk: whose it is, and the hash of the prefix that it ends.
 *
 * <p>Immutable and thread-safe. {@link #parse} is the inverse of {@link #text()}.
 *
 * @param scope model, rank, layout and tags; keys of one prompt share the object
 * @param hash the chained hash
 */
public record ChunkKey(KeyScope scope, ChunkHash hash) {
    /**
     * The key as one line of printable ASCII: {@code model@worldSize@rank@dtype@layout@hash[@tag=value...]}, each part
     * percent-encoded as in RFC 3986, such as
     * {@code meta-llama%2FLlama-3.1-8B@1@0@bfloat16@KV_2LTD-32x8x128@88084...}.
     */
    public String text() {
        return KeyText.print(scope.model(), scope.worldSize(), scope.rank(), scope.layout(), scope.tags(), hash.hex());
    }

    /**
     * The key that prints as this text.
     *
     * @throws LmcacheException with {@link ErrorCode#INVALID_ARGUMENT} when no key prints as this text
     */
    public static ChunkKey parse(String text) {
        return KeyText.parse(text);
    }

    @Override
    public String toString() {
        return text();
    }
}
