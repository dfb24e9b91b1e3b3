package io.lmcache.backend.posix.directory;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.LoadingCache;
import io.lmcache.api.ChunkKey;
import io.lmcache.api.KeyScope;
import io.lmcache.api.spi.ChunkMeta;
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
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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
 * <p>A header has one legal form for each key, token count and checksum. A reader takes the last two from the JSON, makes
 * the header anew and compares the bytes: what could differ needs no check of its own.
 *
 * <p>The file's name is {@code {h[0:2]}/{h[2:4]}/{h}-{s}.safetensors} with {@code h} the chunk hash in hex and {@code s}
 * the first 128 bits of the SHA-256 of the key scope's text in hex. It holds nothing that a model or a tag is called.
 * Thread-safe.
 */
public final class NativeChunkFormat implements ChunkFileFormat {
    private static final String FORMAT = "lmcache-jvm";
    private static final String VERSION = "1";
    private static final String SUFFIX = ".safetensors";
    private static final int JSON_BYTES = HEADER_BYTES - Long.BYTES;
    private static final int SCOPE_DIGEST_BYTES = 16;
    private static final Pattern NAME = Pattern.compile("[0-9a-f]{16,128}-[0-9a-f]{32}\\.safetensors");
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    // All chunks of a model share a scope, so its digest is worth keeping.
    private final LoadingCache<KeyScope, String> scopeDigests =
            Caffeine.newBuilder().maximumSize(1024).build(NativeChunkFormat::scopeDigest);

    @Override
    public String relativePath(ChunkKey key) {
        String hash = key.hash().hex();
        return hash.substring(0, 2) + "/" + hash.substring(2, 4) + "/" + hash + "-" + scopeDigests.get(key.scope())
                + SUFFIX;
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
    public boolean isChunkName(String fileName) {
        return NAME.matcher(fileName).matches();
    }

    @Override
    public byte[] header(ChunkKey key, ChunkMeta meta, int payloadCrc) {
        String keyText = key.text();
        int crc = Crc32cCombine.concat(crcOf(keyText), payloadCrc, meta.byteSize());
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
        String shape = meta.layout().shape(meta.tokens()).stream()
                .map(String::valueOf)
                .collect(Collectors.joining(",", "[", "]"));
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
        long jsonBytes = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (jsonBytes != JSON_BYTES) {
            return invalid("says its JSON has " + Long.toUnsignedString(jsonBytes) + " bytes, not " + JSON_BYTES);
        }
        try {
            return check(bytes, metadata(bytes), key);
        } catch (IOException e) {
            return invalid("is no JSON of a safetensors file: " + e.getMessage());
        } catch (NumberFormatException e) {
            return invalid("has a token count or checksum that is no number: " + e.getMessage());
        }
    }

    private HeaderCheck check(byte[] bytes, Map<String, String> metadata, ChunkKey key) {
        for (String name : List.of("format", "format_version", "key", "tokens", "crc32c")) {
            if (!metadata.containsKey(name)) {
                return invalid("has no '" + name + "' in its __metadata__");
            }
        }
        String version = metadata.get("format") + " " + metadata.get("format_version");
        if (!version.equals(FORMAT + " " + VERSION)) {
            return invalid("is of format '" + version + "', known is '" + FORMAT + " " + VERSION + "'");
        }
        String keyText = key.text();
        if (!keyText.equals(metadata.get("key"))) {
            return invalid("is of another key, '" + metadata.get("key") + "'");
        }
        int tokens = Integer.parseInt(metadata.get("tokens"));
        if (tokens < 1) {
            return invalid("counts " + tokens + " tokens");
        }
        ChunkMeta meta = new ChunkMeta(key.scope().layout(), tokens);
        int crc = Integer.parseUnsignedInt(metadata.get("crc32c"), 16);
        int payloadCrc = crc ^ Crc32cCombine.shift(crcOf(keyText), meta.byteSize());
        if (!Arrays.equals(bytes, header(key, meta, payloadCrc))) {
            return invalid(
                    "has a dtype, shape, offset or padding that is not that of its key and " + tokens + " tokens");
        }
        return new HeaderCheck.Valid(meta, payloadCrc);
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

    private static HeaderCheck invalid(String reason) {
        return new HeaderCheck.Invalid(reason);
    }
}
