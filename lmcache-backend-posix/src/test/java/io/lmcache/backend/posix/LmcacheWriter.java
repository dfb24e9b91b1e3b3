package io.lmcache.backend.posix;

import java.io.IOException;
import java.math.BigInteger;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Writes chunk files as LMCache does, from a description of its formats alone: it shares no code, and no type, with the
 * product.
 */
final class LmcacheWriter {
    /**
     * A chunk, in LMCache's words.
     *
     * @param hash the number in 0.5; the digest as a positive number in 0.3.2
     * @param tags each as {@code name%value}, in the order of the key
     * @param layer {@code @} and the layer for a layer of its own; empty otherwise
     * @param payload all of it, from index 0
     */
    record Chunk(
            String model,
            int worldSize,
            int worker,
            BigInteger hash,
            String dtype,
            String tensorDtype,
            int fmt,
            List<Integer> shape,
            List<String> tags,
            String layer,
            ByteBuffer payload) {}

    private LmcacheWriter() {}

    /** The chunk's file in a directory of 0.3.2. */
    static String path032(Chunk chunk) {
        String hex = String.format("%064x", chunk.hash());
        String key =
                "vllm@" + chunk.model() + "@" + chunk.worldSize() + "@" + chunk.worker() + "@" + hex + chunk.layer();
        return hex.substring(0, 2) + "/" + hex.substring(2, 4) + "/" + key.replace("/", "_") + ".kvcache.safetensors";
    }

    /** The chunk's file in a directory of 0.5. */
    static String path05(Chunk chunk) {
        String number = chunk.hash().toString(10);
        String key = chunk.model() + "@" + chunk.worldSize() + "@" + chunk.worker() + "@"
                + chunk.hash().toString(16) + "@" + chunk.dtype() + chunk.layer()
                + chunk.tags().stream().map("@"::concat).collect(Collectors.joining());
        return number.substring(0, 2) + "/" + number.substring(2, 4) + "/" + quote(key) + ".kvcache.safetensors";
    }

    private static String quote(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8)
                .replace("+", "%20")
                .replace("*", "%2A")
                .replace("%7E", "~");
    }

    /** The header; {@code fmt} where the version has it. */
    static byte[] header(Chunk chunk, boolean withFmt) {
        String json = String.format(
                "{\"kvcache\": {\"dtype\": \"%s\", \"shape\": [%s], \"data_offsets\": [0, %d], %s\"__metadata__\":"
                        + " {\"lmcache_version\": \"1\"}}}",
                chunk.tensorDtype(),
                chunk.shape().stream().map(String::valueOf).collect(Collectors.joining(", ")),
                chunk.payload().capacity(),
                withFmt ? "\"fmt\": " + chunk.fmt() + ", " : "");
        ByteBuffer header = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        header.putLong(4088).put(json.getBytes(StandardCharsets.UTF_8));
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.array();
    }

    static void write032(Path root, Chunk chunk) throws IOException {
        write(root.resolve(path032(chunk)), header(chunk, false), chunk.payload());
    }

    static void write05(Path root, Chunk chunk) throws IOException {
        write(root.resolve(path05(chunk)), header(chunk, true), chunk.payload());
    }

    private static void write(Path file, byte[] header, ByteBuffer payload) throws IOException {
        Files.createDirectories(file.getParent());
        Files.write(
                file,
                ByteBuffer.allocate(header.length + payload.capacity())
                        .put(header)
                        .put(payload.duplicate())
                        .array());
        Files.write(file.resolveSibling(file.getFileName() + ".metadata"), header);
    }
}
