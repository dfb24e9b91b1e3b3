package io.lmcache.cli.replay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Reads traces as a stream, without ever holding a file. Mooncake's have an object a request, with {@code timestamp} in
 * milliseconds, {@code input_length} and {@code hash_ids} of 512 tokens; WEKA's have one object with {@code block_size}
 * and {@code requests} of {@code t} in seconds, {@code in} and {@code hash_ids}. Used by one thread.
 */
public final class TraceReader {
    private static final int MOONCAKE_BLOCK_TOKENS = 512;
    private static final JsonFactory JSON = new JsonFactory();

    private final Trace.Builder builder = new Trace.Builder();
    private int blockTokens;

    private TraceReader() {}

    /**
     * The requests of all files in the order of their time. The identifiers of a file are its own: files share no blocks.
     *
     * @throws LmcacheException when a file cannot be read, is of neither format, or has blocks of another size
     */
    public static Trace read(List<Path> files) {
        TraceReader reader = new TraceReader();
        files.forEach(reader::readFile);
        return reader.builder.build(reader.blockTokens);
    }

    private void readFile(Path file) {
        int before = builder.requests();
        try (JsonParser parser = JSON.createParser(Files.newInputStream(file))) {
            while (parser.nextToken() != null) {
                readRoot(parser, file);
            }
        } catch (JsonProcessingException e) {
            throw bad(file, "line " + e.getLocation().getLineNr() + ": " + e.getOriginalMessage());
        } catch (IOException e) {
            throw bad(file, "cannot be read: " + e.getMessage());
        }
        if (builder.requests() == before) {
            throw bad(file, "no request in it");
        }
        builder.endFile();
    }

    private void readRoot(JsonParser parser, Path file) throws IOException {
        require(parser, file, JsonToken.START_OBJECT, "an object");
        builder.request(0);
        boolean isRequest = false;
        boolean isSession = false;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "timestamp" -> builder.setSeconds(parser.getDoubleValue() / 1000);
                case "input_length" -> builder.setInputTokens(parser.getIntValue());
                case "hash_ids" -> {
                    readBlocks(parser, file);
                    isRequest = true;
                }
                case "block_size" -> setBlockTokens(parser.getIntValue(), file);
                case "requests" -> {
                    builder.dropLast();
                    readSession(parser, file);
                    isSession = true;
                }
                default -> parser.skipChildren();
            }
        }
        if (isRequest == isSession) {
            throw bad(file, at(parser) + "neither a Mooncake request with hash_ids nor a WEKA session with requests");
        }
        if (isRequest) {
            setBlockTokens(MOONCAKE_BLOCK_TOKENS, file);
        } else if (blockTokens == 0) {
            throw bad(file, "no block_size in it");
        }
    }

    private void readSession(JsonParser parser, Path file) throws IOException {
        require(parser, file, JsonToken.START_ARRAY, "an array of requests");
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            require(parser, file, JsonToken.START_OBJECT, "a request");
            readSessionRequest(parser, file);
        }
    }

    private void readSessionRequest(JsonParser parser, Path file) throws IOException {
        builder.request(0);
        boolean hasBlocks = false;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "t" -> builder.setSeconds(parser.getDoubleValue());
                case "in" -> builder.setInputTokens(parser.getIntValue());
                case "hash_ids" -> {
                    readBlocks(parser, file);
                    hasBlocks = true;
                }
                default -> parser.skipChildren();
            }
        }
        if (!hasBlocks) {
            throw bad(file, at(parser) + "a request without hash_ids");
        }
    }

    private void readBlocks(JsonParser parser, Path file) throws IOException {
        require(parser, file, JsonToken.START_ARRAY, "an array of hash_ids");
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            builder.block(parser.getLongValue());
        }
    }

    private void setBlockTokens(int tokens, Path file) {
        if (tokens < 1) {
            throw bad(file, "block_size is " + tokens);
        }
        if (blockTokens != 0 && blockTokens != tokens) {
            throw bad(
                    file,
                    "its blocks have " + tokens + " tokens, those before " + blockTokens
                            + "; replay traces of one block size at a time");
        }
        blockTokens = tokens;
    }

    private static void require(JsonParser parser, Path file, JsonToken token, String what) {
        if (parser.currentToken() != token) {
            throw bad(file, at(parser) + "expected " + what);
        }
    }

    private static String at(JsonParser parser) {
        return "line " + parser.currentLocation().getLineNr() + ": ";
    }

    private static LmcacheException bad(Path file, String problem) {
        return new LmcacheException(ErrorCode.INVALID_ARGUMENT, "Trace " + file + ": " + problem);
    }
}
