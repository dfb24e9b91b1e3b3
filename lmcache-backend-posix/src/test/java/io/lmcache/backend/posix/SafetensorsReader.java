package io.lmcache.backend.posix;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A small reader of safetensors files with one tensor, written from the standard alone: it shares no code, and no view
 * on padding or order, with what it checks.
 *
 * @param metadata the texts of {@code __metadata__}, which LMCache has inside of the tensor
 * @param name the tensor's name
 * @param dtype its dtype
 * @param shape its shape
 * @param payload its bytes
 */
record SafetensorsReader(
        Map<String, String> metadata, String name, String dtype, List<Long> shape, ByteBuffer payload) {
    private static final Pattern TEXT = Pattern.compile("\"([^\"]*)\"\\s*:\\s*\"([^\"]*)\"");
    private static final Pattern METADATA = Pattern.compile("\"__metadata__\"\\s*:\\s*\\{([^{}]*)\\}\\s*,?");
    private static final Pattern NAME = Pattern.compile("\\{\\s*\"([^\"]*)\"\\s*:\\s*\\{");
    private static final Pattern DTYPE = Pattern.compile("\"dtype\"\\s*:\\s*\"(\\w+)\"");
    private static final Pattern SHAPE = Pattern.compile("\"shape\"\\s*:\\s*\\[([\\d,\\s]*)\\]");
    private static final Pattern OFFSETS =
            Pattern.compile("\"data_offsets\"\\s*:\\s*\\[\\s*(\\d+)\\s*,\\s*(\\d+)\\s*\\]");

    static SafetensorsReader read(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        int headerBytes = Math.toIntExact(
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
        String header = new String(bytes, 8, headerBytes, StandardCharsets.UTF_8).strip();
        Matcher metadata = METADATA.matcher(header);
        if (!header.startsWith("{") || !header.endsWith("}") || !metadata.find()) {
            throw new IOException("no safetensors header: " + header);
        }
        String tensor = METADATA.matcher(header).replaceFirst("");
        Matcher offsets = find(OFFSETS, tensor);
        int start = 8 + headerBytes + Integer.parseInt(offsets.group(1));
        int end = 8 + headerBytes + Integer.parseInt(offsets.group(2));
        if (end != bytes.length) {
            throw new IOException("the tensor ends at " + end + ", the file at " + bytes.length);
        }
        return new SafetensorsReader(
                texts(metadata.group(1)),
                find(NAME, tensor).group(1),
                find(DTYPE, tensor).group(1),
                numbers(find(SHAPE, tensor).group(1)),
                ByteBuffer.wrap(bytes, start, end - start));
    }

    private static Matcher find(Pattern pattern, String header) throws IOException {
        Matcher matcher = pattern.matcher(header);
        if (!matcher.find()) {
            throw new IOException("no " + pattern + " in the header " + header);
        }
        return matcher;
    }

    private static Map<String, String> texts(String json) {
        Map<String, String> texts = new LinkedHashMap<>();
        Matcher matcher = TEXT.matcher(json);
        while (matcher.find()) {
            texts.put(matcher.group(1), matcher.group(2));
        }
        return texts;
    }

    private static List<Long> numbers(String list) {
        return Pattern.compile("\\s*,\\s*")
                .splitAsStream(list.strip())
                .map(Long::valueOf)
                .toList();
    }
}
