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
import io.lmcache.api.crc.Crc32cCombine;
import io.lmcache.api.spi.ChunkMeta;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import io.lmcache.chunkfiles.directory.ChunkFileNames;
import io.lmcache.chunkfiles.directory.ChunkName;
import io.lmcache.chunkfiles.directory.HeaderCheck;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * The native chunk file: a valid safetensors file with one tensor, whose payload starts at a multiple of 4096.
 *
 * <pre>
 *   offset  bytes  content
 *        0      8  4088, unsigned, little-endian: the length of the JSON, padding included
 *        8      j  JSON, in ASCII, without blanks:
 *                  {"__metadata__":{
 *                     "format":"lmcache-jvm",           names the format
 *                     "format_version":"1",
 *                     "key":"model@1@0@bfloat16@...",   the whole key, as {@link ChunkKey#text()} prints it
 *                     "memory_format":"KV_2LTD",
 *                     "dtype":"bfloat16",               the element type, where safetensors has no name for it too
 *                     "tokens":"256",
 *                     "crc32c":"e3069283"},             of the key's text followed by the payload
 *                   "kvcache":{
 *                     "dtype":"BF16","shape":[2,32,256,1024],"data_offsets":[0,33554432]}}
 *    8 + j  ...    spaces
 *     4096      n  payload: the elements in C order, n = the second data offset
 * </pre>
 *
 * <p>A header has one legal form for each key, token count and checksum. A reader takes the last two from the text,
 * makes the header anew and compares the bytes: what could differ needs no check of its own, and only a header that is
 * wrong is parsed, to tell why.
 *
 * <p>The file's name is {@code {h[0:2]}/{h[2:4]}/{h}-{s}.safetensors} with {@code h} the chunk hash in hex and {@code s}
 * the first 128 bits of the SHA-256 of the key scope's text in hex. It holds nothing that a model or a tag is called.
 * Thread-safe.
 */
public final class NativeChunkFormat implements ChunkFileFormat {
    private static final String FORMAT = "lmcache-jvm";
    private static final String VERSION = "1";
    private static final int JSON_BYTES = HEADER_BYTES - Long.BYTES;
    private static final int SCOPE_DIGEST_BYTES = 16;
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    // All chunks of a model share a scope, so its digest is worth keeping.
    private final LoadingCache<KeyScope, String> scopeDigests =
            Caffeine.newBuilder().maximumSize(1024).build(NativeChunkFormat::scopeDigest);

    @Override
    public ChunkName name(ChunkKey key) {
        String hash = key.hash().hex();
        return new ChunkName.Below(hash.substring(0, 2) + "/" + hash.substring(2, 4) + "/"
                + ChunkFileNames.ofNative(hash, scopeDigests.get(key.scope())));
    }

    private static String scopeDigest(KeyScope scope) {
        try {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(scope.text().getBytes(StandardCharsets.US_ASCII));
            return HexFormat.of().formatHex(digest, 0, SCOPE_DIGEST_BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    @Override
    public boolean hasMetadataFile() {
        return false;
    }

    @Override
    public byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc) {
        String keyText = key.text();
        return header(keyText, meta, Crc32cCombine.concat(crcOf(keyText), payloadCrc, meta.byteSize()));
    }

    private static byte[] header(String keyText, ChunkMeta meta, int crc) {
        byte[] json = json(keyText, meta, crc).getBytes(StandardCharsets.US_ASCII);
        byte[] header = new byte[HEADER_BYTES];
        Arrays.fill(header, (byte) ' ');
        ByteBuffer.wrap(header)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(JSON_BYTES)
                .put(json);
        return header;
    }

    // Nothing needs a JSON escape: the key's text is percent-encoded, the rest are names of constants and numbers.
    private static String json(String keyText, ChunkMeta meta, int crc) {
        String shape = meta.layout().shape(meta.tokens()).toString().replace(" ", "");
        return "{\"__metadata__\":{\"format\":\"" + FORMAT
                + "\",\"format_version\":\"" + VERSION
                + "\",\"key\":\"" + keyText
                + "\",\"memory_format\":\"" + meta.layout().format()
                + "\",\"dtype\":\"" + meta.layout().dtype().text()
                + "\",\"tokens\":\"" + meta.tokens()
                + "\",\"crc32c\":\"" + HexFormat.of().toHexDigits(crc)
                + "\"},\"kvcache\":{\"dtype\":\"" + meta.layout().dtype().safetensorsName()
                + "\",\"shape\":" + shape
                + ",\"data_offsets\":[0," + meta.byteSize() + "]}}";
    }

    @Override
    public HeaderCheck check(ByteBuffer header, ChunkKey key) {
        byte[] bytes = new byte[HEADER_BYTES];
        header.get(0, bytes);
        Optional<HeaderCheck> valid = asWritten(bytes, key);
        return valid.orElseGet(() -> new HeaderCheck.Invalid("has a header that " + reasonAgainst(bytes, key)));
    }

    /** What the header says, if it is the one that this format writes for the key, a token count and a checksum. */
    private static Optional<HeaderCheck> asWritten(byte[] header, ChunkKey key) {
        String text = new String(header, StandardCharsets.ISO_8859_1);
        try {
            ChunkMeta meta = new ChunkMeta(key.scope().layout(), Integer.parseInt(textAfter("\"tokens\":\"", text)));
            int crc = Integer.parseUnsignedInt(textAfter("\"crc32c\":\"", text), 16);
            String keyText = key.text();
            if (Arrays.equals(header, header(keyText, meta, crc))) {
                int payloadCrc = Crc32cCombine.second(crcOf(keyText), crc, meta.byteSize());
                return Optional.of(HeaderCheck.Valid.of(meta, payloadCrc));
            }
            return Optional.empty();
        } catch (NumberFormatException | LmcacheException e) {
            return Optional.empty();
        }
    }

    /** The text from behind the name to the next quotation mark; empty when there is none. */
    private static String textAfter(String name, String text) {
        int start = text.indexOf(name);
        int end = text.indexOf('"', start + name.length());
        return start < 0 || end < 0 ? "" : text.substring(start + name.length(), end);
    }

    /** Why a header is not that of the key. Only here the JSON is read: a header is right byte for byte or not at all. */
    private static String reasonAgainst(byte[] header, ChunkKey key) {
        long jsonBytes = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (jsonBytes != JSON_BYTES) {
            return "says its JSON has " + Long.toUnsignedString(jsonBytes) + " bytes, not " + JSON_BYTES;
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
        if (!version.equals(FORMAT + " " + VERSION)) {
            return "is of format '" + version + "', known is '" + FORMAT + " " + VERSION + "'";
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
        try (JsonParser json = JSON.createParser(header, Long.BYTES, JSON_BYTES)) {
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

    private static int crcOf(String keyText) {
        CRC32C crc = new CRC32C();
        crc.update(keyText.getBytes(StandardCharsets.US_ASCII));
        return (int) crc.getValue();
    }
}
