package io.lmcache.chunkfiles.format;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import io.lmcache.api.KvDtype;
import io.lmcache.api.MemoryFormat;
import io.lmcache.chunkfiles.directory.ChunkFileFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The header of LMCache's chunk files, which is the content of the metadata file too.
 *
 * <pre>
 *   offset  bytes  content
 *        0      8  4088, unsigned, little-endian: the length of the JSON, padding included
 *        8      j  JSON as Python's json.dumps writes it, on one line:
 *                  {"kvcache": {"dtype": "BF16", "shape": [2, 32, 256, 1024], "data_offsets": [0, 33554432], "fmt": 1,
 *                  "__metadata__": {"lmcache_version": "1", "crc32c": "0d6c831b"}}}
 *    8 + j  ...    spaces, to offset 4096
 * </pre>
 *
 * <p>{@code fmt} is there since 0.5. {@code crc32c} is this library's: over the file's name without its suffix, which is
 * LMCache's key, followed by the payload. LMCache passes it over. Immutable and thread-safe.
 *
 * @param dtype the element type, by LMCache's name for it
 * @param shape the dimensions
 * @param begin the first data offset
 * @param end the second data offset
 * @param fmt LMCache's number for the order of dimensions
 * @param version the version of the header
 * @param crc the checksum
 */
record LmcacheHeader(
        String dtype, List<Long> shape, long begin, long end, OptionalInt fmt, String version, Optional<String> crc) {
    /** The only version there is. */
    static final String VERSION = "1";

    private static final int JSON_BYTES = ChunkFileFormat.HEADER_BYTES - Long.BYTES;
    private static final String TENSOR = "kvcache";
    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    /** LMCache's name for the element type in headers; empty where it has none. */
    static Optional<String> nameOf(KvDtype dtype) {
        return switch (dtype) {
            case HALF -> Optional.of("F16");
            case BFLOAT16 -> Optional.of("BF16");
            case FLOAT -> Optional.of("F32");
            case DOUBLE -> Optional.of("F64");
            case INT8 -> Optional.of("I8");
            case UINT8 -> Optional.of("U8");
            case INT16 -> Optional.of("I16");
            case INT32 -> Optional.of("I32");
            case INT64 -> Optional.of("I64");
            case FP8_E4M3FN -> Optional.of("F8E4M3FN");
            case FP8_E5M2 -> Optional.of("F8E5M2");
            case BOOL, FP8_E4M3FNUZ, FP8_E5M2FNUZ -> Optional.empty();
        };
    }

    /** The element type that has that name in headers; empty when there is none. */
    static Optional<KvDtype> dtypeOf(String name) {
        return Arrays.stream(KvDtype.values())
                .filter(dtype -> nameOf(dtype).equals(Optional.of(name)))
                .findFirst();
    }

    /** LMCache's number for the order of dimensions; empty when it has none. */
    static OptionalInt fmtOf(MemoryFormat format) {
        return switch (format) {
            case KV_2LTD -> OptionalInt.of(1);
            case KV_MLA_FMT -> OptionalInt.of(6);
            case OPAQUE -> OptionalInt.empty();
        };
    }

    /** The order of dimensions of the tensor; empty when it is none that is known. */
    Optional<MemoryFormat> format() {
        return Arrays.stream(MemoryFormat.values())
                .filter(format -> fmtOf(format).isPresent()
                        && shape.getFirst() == format.planes()
                        && (fmt.isEmpty() || fmt.equals(fmtOf(format))))
                .findFirst();
    }

    /** The header as bytes. */
    byte[] toBytes() {
        byte[] header = new byte[ChunkFileFormat.HEADER_BYTES];
        Arrays.fill(header, (byte) ' ');
        ByteBuffer.wrap(header)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(JSON_BYTES)
                .put(json().getBytes(StandardCharsets.US_ASCII));
        return header;
    }

    private String json() {
        return "{\"" + TENSOR + "\": {\"dtype\": \"" + dtype
                + "\", \"shape\": " + shape
                + ", \"data_offsets\": [" + begin + ", " + end + "]"
                + (fmt.isPresent() ? ", \"fmt\": " + fmt.getAsInt() : "")
                + ", \"__metadata__\": {\"lmcache_version\": \"" + version + "\""
                + crc.map(text -> ", \"crc32c\": \"" + text + "\"").orElse("") + "}}}";
    }

    /** Whether element type, shape, order of dimensions and length are those of one chunk, whichever. */
    boolean isConsistent() {
        Optional<KvDtype> type = dtypeOf(dtype);
        if (type.isEmpty() || shape.size() != 4 || shape.stream().anyMatch(size -> size < 1)) {
            return false;
        }
        long elements = shape.stream().reduce(1L, Math::multiplyExact);
        return begin == 0 && end == Math.multiplyExact(elements, type.get().bytes()) && format().isPresent();
    }

    /** Whether the header is one of 0.5 for several tensors in one file. */
    static boolean isOfSeveralGroups(byte[] header) {
        return new String(header, StandardCharsets.ISO_8859_1).contains(", \"shapes\": [[");
    }

    /** The CRC-32C as the header has it. */
    static String textOf(int crc) {
        return HexFormat.of().toHexDigits(crc);
    }

    /**
     * Reads a header.
     *
     * @throws IOException when the bytes are no header; the message tells why, as the predicate of a sentence about it
     */
    static LmcacheHeader read(byte[] header) throws IOException {
        long jsonBytes = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getLong();
        if (jsonBytes < 2 || jsonBytes > JSON_BYTES) {
            throw new IOException("says its JSON has " + Long.toUnsignedString(jsonBytes) + " bytes; at most "
                    + JSON_BYTES + " are possible");
        }
        try (JsonParser json = JSON.createParser(header, Long.BYTES, (int) jsonBytes)) {
            return new Reader(json).read();
        } catch (JacksonException e) {
            throw new IOException("is no JSON of a safetensors file: " + e.getOriginalMessage(), e);
        }
    }

    /** Reads the JSON; what it does not know it passes over, as LMCache does. For one thread. */
    private static final class Reader {
        private final JsonParser json;
        private String dtype = "";
        private List<Long> shape = List.of();
        private List<Long> offsets = List.of();
        private OptionalInt fmt = OptionalInt.empty();
        private String version = "";
        private Optional<String> crc = Optional.empty();

        private Reader(JsonParser json) {
            this.json = json;
        }

        private LmcacheHeader read() throws IOException {
            require(json.nextToken() == JsonToken.START_OBJECT, "is no JSON object");
            fields(this::tensors);
            require(json.nextToken() == null, "has something behind its JSON object");
            require(!dtype.isEmpty(), "has no tensor '" + TENSOR + "' with a dtype");
            require(offsets.size() == 2, "has no two data_offsets");
            return new LmcacheHeader(dtype, shape, offsets.getFirst(), offsets.getLast(), fmt, version, crc);
        }

        private void tensors(String name) throws IOException {
            if (name.equals(TENSOR)) {
                require(json.currentToken() == JsonToken.START_OBJECT, "has a '" + TENSOR + "' that is no object");
                fields(this::tensor);
            } else {
                json.skipChildren();
            }
        }

        private void tensor(String name) throws IOException {
            switch (name) {
                case "dtype" -> dtype = text(name);
                case "shape" -> shape = numbers(name);
                case "data_offsets" -> offsets = numbers(name);
                case "fmt" -> fmt = OptionalInt.of(Math.toIntExact(number(name)));
                case "__metadata__" -> {
                    require(json.currentToken() == JsonToken.START_OBJECT, "has a __metadata__ that is no object");
                    fields(this::metadata);
                }
                default -> json.skipChildren();
            }
        }

        private void metadata(String name) throws IOException {
            switch (name) {
                case "lmcache_version" -> version = text(name);
                case "crc32c" -> crc = Optional.of(text(name));
                default -> json.skipChildren();
            }
        }

        /** Takes a field's name; the parser stands at its value, and at the value's end afterwards. */
        private interface Field {
            void read(String name) throws IOException;
        }

        private void fields(Field field) throws IOException {
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                json.nextToken();
                field.read(name);
            }
        }

        private String text(String name) throws IOException {
            require(json.currentToken() == JsonToken.VALUE_STRING, "has a '" + name + "' that is no text");
            return json.getText();
        }

        private List<Long> numbers(String name) throws IOException {
            require(json.currentToken() == JsonToken.START_ARRAY, "has a '" + name + "' that is no list");
            List<Long> numbers = new ArrayList<>();
            while (json.nextToken() != JsonToken.END_ARRAY) {
                numbers.add(number(name));
            }
            return numbers;
        }

        private long number(String name) throws IOException {
            require(json.currentToken() == JsonToken.VALUE_NUMBER_INT, "has a '" + name + "' that is no whole number");
            return json.getLongValue();
        }

        private static void require(boolean condition, String otherwise) throws IOException {
            if (!condition) {
                throw new IOException(otherwise);
            }
        }
    }
}
