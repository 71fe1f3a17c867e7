// @vladmandic/face-api on TensorFlow.js's WebAssembly backend: run_face_api.cjs FOLDER_OF_NODE_MODULES
// The same protocol as loop.py. Its SSD detector is the one that its own examples use.
const fs = require('fs');
const readline = require('readline');
const from = require('module').createRequire(`${process.argv[2]}/`);

async function main() {
  from('@tensorflow/tfjs');
  from('@tensorflow/tfjs-backend-wasm');
  const api = from('@vladmandic/face-api/dist/face-api.node-wasm.js');
  await api.tf.setBackend('wasm');
  await api.tf.ready();
  const models = `${process.argv[2]}/node_modules/@vladmandic/face-api/model`;
  await api.nets.ssdMobilenetv1.loadFromDisk(models);
  await api.nets.faceExpressionNet.loadFromDisk(models);
  const options = new api.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 200 });
  console.log('{}');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { path, width, height } = JSON.parse(line);
    const pixels = fs.readFileSync(path);
    for (let i = 0; i < pixels.length; i += 3) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
    const began = process.cpuUsage();
    const image = api.tf.tensor3d(new Uint8Array(pixels), [height, width, 3], 'int32');
    const found = await api.detectAllFaces(image, options).withFaceExpressions();
    image.dispose();
    const { user, system } = process.cpuUsage(began);
    const faces = found.map(({ detection: { box, score } }) => [box.x, box.y, box.width, box.height, score]);
    console.log(JSON.stringify({ seconds: (user + system) / 1e6, faces }));
  }
}

main();
