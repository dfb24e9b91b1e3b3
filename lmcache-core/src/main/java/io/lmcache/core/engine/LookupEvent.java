package io.lmcache.core.engine;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A lookup or a pin of a prompt, in a flight recording. */
@Name("lmcache.Lookup")
@Label("Lookup")
@Category("LMCache")
@Description("A prompt was looked up or pinned")
@StackTrace(false)
final class LookupEvent extends Event {
    @Label("Model")
    String model = "";

    @Label("Tokens")
    @Description("The tokens of the prompt")
    int tokens;

    @Label("Found Tokens")
    @Description("Those of them that could have been retrieved")
    int foundTokens;
}
