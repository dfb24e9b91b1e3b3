package io.lmcache.cli;

import io.lmcache.api.ErrorCode;
import io.lmcache.api.LmcacheException;
import io.lmcache.cli.report.Page;
import io.lmcache.cli.report.PageWriter;
import java.io.IOException;
import java.nio.file.Path;

/** Writes the page that {@code --report} asks for. */
final class ReportFile {
    private ReportFile() {}

    static void write(Page page, Path file) {
        try {
            PageWriter.write(page, file);
        } catch (IOException e) {
            throw new LmcacheException(
                    ErrorCode.INVALID_ARGUMENT,
                    "The report cannot be written to '" + file + "': " + e
                            + "; name a file in a directory that is there",
                    e);
        }
    }
}
