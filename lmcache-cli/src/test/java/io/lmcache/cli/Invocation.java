package io.lmcache.cli;

import io.lmcache.cli.demo.ModelConfig;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;

/** A command line run in this process, with a tiny model. */
record Invocation(int status, String out, String err) {
    static final ModelConfig MODEL = new ModelConfig(2, 2, 1, 8, 24, 3000, 7);

    static Invocation of(String... arguments) {
        return of(InputStream.nullInputStream(), arguments);
    }

    static Invocation of(InputStream standardInput, String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Main.commandLine(MODEL, standardInput)
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
        return new Invocation(status, out.toString(), err.toString());
    }
}
