// OpenAI's own Node client.
//
//     mkdir -p DIR/node && cd DIR/node && npm install openai ws
//     NODE_PATH=DIR/node/node_modules node bench/clients/openai_node.mjs --url http://127.0.0.1:8000 --question a.wav
//
// Its realtime client connects over TLS only: --tls-url names the service behind TLS, --ca a certificate
// to trust. Without them those checks are left out.
//
// Prints a line of JSON for each check: {client, version, what, passed, result}.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: given } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8000" },
    model: { type: "string", default: "bundled" },
    question: { type: "string" },
    "tls-url": { type: "string" },
    ca: { type: "string" },
  },
});
const require = createRequire(path.join(process.env.NODE_PATH ?? process.cwd(), "x.js"));
const OpenAI = require("openai").OpenAI;
const { OpenAIRealtimeWS } = require("openai/realtime/ws");
const { version } = JSON.parse(
  fs.readFileSync(path.join(path.dirname(require.resolve("openai")), "package.json"), "utf8"),
);
const model = given.model;
const client = new OpenAI({ baseURL: `${given.url}/v1`, apiKey: "none", maxRetries: 0 });
const typed = [{ role: "user", content: "明天下午三点在二楼开会，几点开会" }];
const weather = {
  name: "get_weather",
  description: "The weather in a city",
  parameters: {
    type: "object",
    properties: { city: { type: "string", enum: ["北京", "上海"] } },
    required: ["city"],
    additionalProperties: false,
  },
};
const wav = fs.readFileSync(given.question);
const rate = wav.readUInt32LE(24);
const pcm = Buffer.concat([wav.subarray(44), Buffer.alloc(3 * rate)]);

function expect(holds, problem) {
  if (!holds) throw new Error(problem);
}

async function chat() {
  const reply = await client.chat.completions.create({ model, messages: typed });
  expect(reply.choices[0].message.content, "an empty answer");
  return reply.choices[0].message.content;
}

async function chatStreamed() {
  const stream = client.chat.completions.stream({
    model,
    messages: typed,
    stream_options: { include_usage: true },
  });
  let text = "";
  stream.on("content", (delta) => (text += delta));
  const final = await stream.finalChatCompletion();
  expect(text && text === final.choices[0].message.content, "deltas are not the answer");
  expect(final.usage.total_tokens > 0, "no usage");
  return text;
}

async function chatSpoken() {
  const part = { type: "input_audio", input_audio: { data: wav.toString("base64"), format: "wav" } };
  const reply = await client.chat.completions.create({
    model,
    messages: [{ role: "user", content: [part] }],
  });
  expect(reply.voicebench.transcript, "no transcript");
  return `${reply.voicebench.transcript} -> ${reply.choices[0].message.content}`;
}

async function tools() {
  const called = [];
  const runner = client.chat.completions.runTools({
    model,
    messages: typed,
    tool_choice: { type: "function", function: { name: weather.name } },
    tools: [
      {
        type: "function",
        function: {
          ...weather,
          parse: JSON.parse,
          function: (args) => {
            called.push(args);
            return "晴";
          },
        },
      },
    ],
  });
  const messages = [];
  runner.on("message", (message) => messages.push(message.role));
  await runner.done();
  expect(["北京", "上海"].includes(called[0]?.city), `called with ${JSON.stringify(called)}`);
  return `${messages.join(", ")}: ${JSON.stringify(called[0])}`;
}

async function refusals() {
  try {
    await client.chat.completions.create({ model, messages: typed, n: 3 });
  } catch (error) {
    expect(error instanceof OpenAI.BadRequestError, `${error}`);
    expect(error.param === "n", `param ${error.param}`);
    return `param ${error.param}, code ${error.code}`;
  }
  throw new Error("three answers were promised");
}

async function transcriptions() {
  const texts = {};
  for (const form of ["json", "text", "verbose_json", "srt", "vtt"]) {
    texts[form] = await client.audio.transcriptions.create({
      model,
      file: fs.createReadStream(given.question),
      response_format: form,
    });
  }
  expect(texts.json.text && texts.json.text === texts.verbose_json.text, "texts differ");
  expect(texts.srt.includes("-->") && texts.vtt.startsWith("WEBVTT"), "no subtitles");
  return texts.json.text;
}

async function transcriptionsStreamed() {
  const stream = await client.audio.transcriptions.create({
    model,
    file: fs.createReadStream(given.question),
    stream: true,
  });
  let text = "";
  let last = null;
  for await (const event of stream) {
    if (event.type === "transcript.text.delta") text += event.delta;
    last = event;
  }
  expect(text && last.text === text, "deltas are not the transcript");
  return text;
}

async function connected(play) {
  const tls = client.withOptions({ baseURL: `${given["tls-url"]}/v1` });
  const options = given.ca ? { ca: fs.readFileSync(given.ca) } : {};
  const line = new OpenAIRealtimeWS({ model, options }, tls);
  const until = (type) =>
    new Promise((resolve, reject) => {
      line.on(type, resolve);
      line.on("error", reject);
    });
  await until("session.created");
  const result = await play(line, until);
  line.close();
  return result;
}

async function realtimeTyped() {
  return connected(async (line, until) => {
    line.send({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
    await until("session.updated");
    const content = [{ type: "input_text", text: typed[0].content }];
    line.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    line.send({ type: "response.create" });
    let text = "";
    line.on("response.output_text.delta", (event) => (text += event.delta));
    const done = await until("response.done");
    expect(done.response.status === "completed" && text, JSON.stringify(done.response));
    return text;
  });
}

async function realtimeSpoken() {
  return connected(async (line, until) => {
    const input = { format: { type: "audio/pcm", rate }, turn_detection: { type: "server_vad" } };
    const session = { type: "realtime", output_modalities: ["text"], audio: { input } };
    line.send({ type: "session.update", session });
    await until("session.updated");
    const heard = until("conversation.item.input_audio_transcription.completed");
    const done = until("response.done");
    let text = "";
    line.on("response.output_text.delta", (event) => (text += event.delta));
    const size = 2 * Math.floor(rate / 10);
    for (let start = 0; start < pcm.length; start += size) {
      const audio = pcm.subarray(start, start + size).toString("base64");
      line.send({ type: "input_audio_buffer.append", audio });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { response } = await done;
    expect(response.status === "completed", JSON.stringify(response.status_details));
    return `${(await heard).transcript} -> ${text}`;
  });
}

const checks = [
  ["chat: whole", chat],
  ["chat: streamed, with usage", chatStreamed],
  ["chat: a recording as input_audio", chatSpoken],
  ["chat: runTools calls a function and gives its result", tools],
  ["chat: what is not supported is a BadRequestError with the field's name", refusals],
  ["transcriptions: json, text, verbose_json, srt, vtt", transcriptions],
  ["transcriptions: streamed", transcriptionsStreamed],
];
if (given["tls-url"]) {
  checks.push(["realtime: a typed item, an answer in text (over TLS)", realtimeTyped]);
  checks.push(["realtime: speech with server_vad, transcript and answer (over TLS)", realtimeSpoken]);
} else {
  console.error("realtime is left out: this client connects over TLS only, and no --tls-url is given");
}
let allPassed = true;
for (const [what, check] of checks) {
  let passed = true;
  let result;
  try {
    const late = new Promise((_, reject) => setTimeout(reject, 120000, new Error("timeout")).unref());
    result = await Promise.race([check(), late]);
  } catch (error) {
    passed = false;
    result = `${error?.name}: ${error?.message ?? error}`;
  }
  allPassed &&= passed;
  result = result.replace(/\s+/g, " ").slice(0, 300);
  console.log(JSON.stringify({ client: "openai (npm)", version, what, passed, result }));
}
process.exit(allPassed ? 0 : 1);
