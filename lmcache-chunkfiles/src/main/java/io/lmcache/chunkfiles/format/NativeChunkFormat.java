package io.lmcache.chunkfiles.format;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.spi.ChunkHeader;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The native chunk file: a valid safetensors file with one tensor, whose payload starts at a multiple of 4096.
 *
 * <p>{@link ChunkHeader} has the layout byte by byte. What is asked here is whether a header is right; only one that is wrong is
 * parsed, to tell why.
 *
 * <p>The file's name is {@code {h[0:2]}/{h[2:4]}/{h}-{s}.safetensors} with {@code h} the chunk hash in hex and {@code s}
 * the first 128 bits of the SHA-256 of the key scope's text in hex. It holds nothing that a model or a tag is called.
 * Thread-safe.
 */
public final class NativeChunkFormat implements ChunkFileFormat {
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    // All chunks of a model share a scope, so its digest is worth keeping.
    private final LoadingCache<KeyScope, String> scopeDigests =
            Caffeine.newBuilder().maximumSize(1024).build(KeyScope::digest);

    @Override
    public ChunkName name(ChunkKey key) {
        String hash = key.hash().hex();
        return new ChunkName.Below(hash.substring(0, 2) + "/" + hash.substring(2, 4) + "/"
                + ChunkFileNames.ofNative(hash, scopeDigests.get(key.scope())));
    }

    @Override
    public boolean hasMetadataFile() {
        return false;
    }

    @Override
    public byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc) {
        return new ChunkHeader(meta, payloadCrc).toBytes(key);
    }

    @Override
    public HeaderCheck check(ByteBuffer header, ChunkKey key) {
        return ChunkHeader.read(header, key)
                .<HeaderCheck>map(valid -> HeaderCheck.Valid.of(valid.meta(), valid.payloadCrc()))
                .orElseGet(() -> {
                    byte[] bytes = new byte[HEADER_BYTES];
                    header.get(0, bytes);
                    return new HeaderCheck.Invalid("has a header that " + reasonAgainst(bytes, key));
                });
    }

    /** Why a header is not that of the key. Only here the JSON is read: a header is right byte for byte or not at all. */
    private static String reasonAgainst(byte[] header, ChunkKey key) {
        long jsonBytes = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (jsonBytes != ChunkHeader.JSON_BYTES) {
            return "says its JSON has " + Long.toUnsignedString(jsonBytes) + " bytes, not " + ChunkHeader.JSON_BYTES;
        }
        try {
            return reasonAgainst(metadata(header), key);
        } catch (IOException e) {
            return "is no JSON of a safetensors file: " + e.getMessage();
        }
    }

    private static String reasonAgainst(Map<String, String> metadata, ChunkKey key) {
        for (String name : List.of("format", "format_version", "key", "tokens", "crc32c")) {
            if (!metadata.containsKey(name)) {
                return "has no '" + name + "' in its __metadata__";
            }
        }
        String version = metadata.get("format") + " " + metadata.get("format_version");
        if (!version.equals(ChunkHeader.FORMAT + " " + ChunkHeader.VERSION)) {
            return "is of format '" + version + "', known is '" + ChunkHeader.FORMAT + " " + ChunkHeader.VERSION + "'";
        }
        if (!key.text().equals(metadata.get("key"))) {
            return "is of another key, '" + metadata.get("key") + "'";
        }
        return "has a dtype, shape, offset, checksum or padding that does not go with its key and '"
                + metadata.get("tokens") + "' tokens";
    }

    /**
     * The key that a header says it is of; whether that is so, {@link #check} tells.
     *
     * @throws IOException when the header is not of this format; the message tells why, as the predicate of a sentence
     */
    static ChunkKey keyIn(byte[] header) throws IOException {
        try {
            String text = metadata(header).get("key");
            if (text == null) {
                throw new IOException("has no 'key' in its __metadata__");
            }
            return ChunkKey.parse(text);
        } catch (JacksonException e) {
            throw new IOException("is no JSON of a safetensors file: " + e.getOriginalMessage(), e);
        } catch (LmcacheException e) {
            throw new IOException("has a key that is none: " + e.getMessage(), e);
        }
    }

    /** The model that a header says it is of; empty for a header that is damaged or of another format. */
    static Optional<String> modelIn(byte[] header) {
        try {
            return Optional.of(keyIn(header).scope().model());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Map<String, String> metadata(byte[] header) throws IOException {
        Map<String, String> metadata = new HashMap<>();
        try (JsonParser json = JSON.createParser(header, Long.BYTES, ChunkHeader.JSON_BYTES)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("it is not an object");
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                boolean isMetadata = json.currentName().equals("__metadata__");
                JsonToken value = json.nextToken();
                if (isMetadata && value == JsonToken.START_OBJECT) {
                    readTexts(json, metadata);
                } else {
                    json.skipChildren();
                }
            }
            if (json.nextToken() != null) {
                throw new IOException("something follows the object");
            }
        }
        return metadata;
    }

    private static void readTexts(JsonParser json, Map<String, String> texts) throws IOException {
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String name = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw new IOException("'" + name + "' in __metadata__ is no text");
            }
            texts.put(name, json.getText());
        }
    }
}
