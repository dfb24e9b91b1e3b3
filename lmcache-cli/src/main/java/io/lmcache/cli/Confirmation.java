package io.lmcache.cli;

import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Asks a person before something is deleted.
 *
 * @param answers where the answer comes from
 * @param isSomebodyThere whether there is a person to ask
 */
record Confirmation(InputStream answers, BooleanSupplier isSomebodyThere) {
    /** Asks whoever sits at the terminal. */
    static Confirmation of(InputStream standardInput) {
        return new Confirmation(
                standardInput,
                () -> Optional.ofNullable(System.console())
                        .filter(Console::isTerminal)
                        .isPresent());
    }

    /** The answer; empty when nobody is there to give one. */
    Optional<Boolean> ask(String question, PrintWriter out) throws IOException {
        if (!isSomebodyThere.getAsBoolean()) {
            return Optional.empty();
        }
        out.print(question + " [y/N] ");
        out.flush();
        String answer = new BufferedReader(new InputStreamReader(answers, Charset.defaultCharset())).readLine();
        return Optional.of(answer != null
                && (answer.strip().equalsIgnoreCase("y")
                        || answer.strip().toLowerCase(Locale.ROOT).equals("yes")));
    }
}
