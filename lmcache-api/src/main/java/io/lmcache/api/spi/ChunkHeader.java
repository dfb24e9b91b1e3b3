package io.lmcache.api.spi;

import io.lmcache.api.ChunkKey;
import io.lmcache.api.LmcacheException;
import io.lmcache.api.crc.Crc32cCombine;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What this library writes before the payload of a chunk, in a file or elsewhere, so that a reader can tell that it got
 * the chunk that it asked for, whole: the header of a safetensors file with one tensor, padded to a page.
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
 * makes the header anew and compares the bytes: what could differ needs no check of its own. Since the checksum covers the
 * key, the payload of another chunk is noticed even under the right header. Immutable and thread-safe.
 *
 * @param meta what the payload is
 * @param payloadCrc the CRC-32C of the payload
 */
public record ChunkHeader(ChunkMeta meta, int payloadCrc) {
    /** The length of a header, and so the offset of the payload, in bytes. */
    public static final int BYTES = 4096;

    /** What {@code format} says in every header. */
    public static final String FORMAT = "lmcache-jvm";

    /** What {@code format_version} says in every header. */
    public static final String VERSION = "1";

    /** The length of the JSON, padding included: what the first eight bytes say. */
    public static final int JSON_BYTES = BYTES - Long.BYTES;

    /** The header as it is written before the payload of that key. */
    public byte[] toBytes(ChunkKey key) {
        String keyText = key.text();
        return bytes(keyText, meta, Crc32cCombine.concat(crcOf(keyText), payloadCrc, meta.byteSize()));
    }

    /**
     * What the header says, if it is one that {@link #toBytes} makes for that key; else empty, whatever the bytes are.
     *
     * @param header {@link #BYTES} bytes from index 0; position and limit are not used
     */
    public static Optional<ChunkHeader> read(ByteBuffer header, ChunkKey key) {
        byte[] bytes = new byte[BYTES];
        header.get(0, bytes);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        try {
            ChunkMeta meta = new ChunkMeta(key.scope().layout(), Integer.parseInt(textAfter("\"tokens\":\"", text)));
            int crc = Integer.parseUnsignedInt(textAfter("\"crc32c\":\"", text), 16);
            String keyText = key.text();
            return Arrays.equals(bytes, bytes(keyText, meta, crc))
                    ? Optional.of(new ChunkHeader(meta, Crc32cCombine.second(crcOf(keyText), crc, meta.byteSize())))
                    : Optional.empty();
        } catch (NumberFormatException | LmcacheException e) {
            return Optional.empty();
        }
    }

    /**
     * The key that a header says it is of; empty when it says none. Whether it is that key's, {@link #read} tells.
     *
     * @param header {@link #BYTES} bytes from index 0; position and limit are not used
     */
    public static Optional<ChunkKey> keyIn(ByteBuffer header) {
        byte[] bytes = new byte[BYTES];
        header.get(0, bytes);
        try {
            return Optional.of(ChunkKey.parse(textAfter("\"key\":\"", new String(bytes, StandardCharsets.ISO_8859_1))));
        } catch (LmcacheException e) {
            return Optional.empty();
        }
    }

    private static byte[] bytes(String keyText, ChunkMeta meta, int crc) {
        byte[] json = json(keyText, meta, crc).getBytes(StandardCharsets.US_ASCII);
        byte[] header = new byte[BYTES];
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

    /** The text from behind the name to the next quotation mark; empty when there is none. */
    private static String textAfter(String name, String text) {
        int start = text.indexOf(name);
        int end = text.indexOf('"', start + name.length());
        return start < 0 || end < 0 ? "" : text.substring(start + name.length(), end);
    }

    private static int crcOf(String keyText) {
        CRC32C crc = new CRC32C();
        crc.update(keyText.getBytes(StandardCharsets.US_ASCII));
        return (int) crc.getValue();
    }
}
