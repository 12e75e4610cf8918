// Draw points in space onto a canvas: with WebGL, and without.

// Of the eye, in radii of the cloud, and the focal length in halves of the canvas that fits it in.
const EYE = 2.9;
const FOCAL = 2.7;
// Points are drawn so much larger than they are apart, so that surfaces look closed.
const OVERLAP = 1.7;

const VERTEX = `
attribute vec3 point;
attribute vec3 color;
uniform mat3 turn;
uniform vec4 lens;  // focal length right and up, eye, radius
uniform float size;
varying vec3 paint;
void main() {
  vec3 p = turn * point / lens.w;
  float away = p.z + lens.z;
  gl_Position = vec4(p.x * lens.x, -p.y * lens.y, (away - 1.0) * 0.2 * away, away);
  gl_PointSize = max(1.0, size / away);
  paint = color;
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 paint;
void main() { gl_FragColor = vec4(paint, 1.0); }`;

/** The rotation of a pose, by rows: first about y, then about x. */
function rotation({ yaw, pitch }) {
  const [c, s, d, t] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return [
    [c, 0, -s],
    [-t * s, d, -t * c],
    [d * s, t, d * c],
  ];
}

/** How large a point is on a canvas so high, at a distance of 1 radius, in pixels. */
function pointSize({ count }, focal_px) {
  return OVERLAP * Math.sqrt(Math.PI / count) * focal_px;
}

export class PainterGl {
  /** Nothing where there is no WebGL. */
  static on(canvas, points) {
    const gl = canvas.getContext("webgl", { antialias: true, alpha: true });
    return gl && !gl.isContextLost() ? new PainterGl(gl, points) : null;
  }

  constructor(gl, points) {
    this.gl = gl;
    this.points = points;
    const program = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.attribute(program, "point", points.xyz, gl.FLOAT, false);
    this.attribute(program, "color", points.rgb, gl.UNSIGNED_BYTE, true);
    const names = ["turn", "lens", "size"];
    this.places = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)]));
    gl.enable(gl.DEPTH_TEST);
  }

  attribute(program, name, values, type, isShare) {
    const { gl } = this;
    const place = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, type, isShare, 0, 0);
  }

  paint(pose) {
    const { gl, points, places } = this;
    const { width, height } = gl.canvas;
    const focal = FOCAL * pose.zoom;
    const least = Math.min(width, height);
    const [x, y, z] = rotation(pose);
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    // By columns.
    gl.uniformMatrix3fv(places.turn, false, [0, 1, 2].flatMap((i) => [x[i], y[i], z[i]]));
    gl.uniform4f(places.lens, (focal * least) / width, (focal * least) / height, EYE, points.radius);
    gl.uniform1f(places.size, pointSize(points, (focal * least) / 2));
    gl.drawArrays(gl.POINTS, 0, points.count);
  }

  end() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

export class Painter2d {
  constructor(canvas, points) {
    this.context = canvas.getContext("2d");
    this.points = points;
  }

  paint(pose) {
    const { width, height } = this.context.canvas;
    const { count, xyz, rgb, radius } = this.points;
    const focal_px = (FOCAL * pose.zoom * Math.min(width, height)) / 2;
    const size = pointSize(this.points, focal_px);
    const [x, y, z] = rotation(pose);
    const image = this.context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const nearest = new Float32Array(width * height).fill(Infinity);
    for (let i = 0; i < 3 * count; i += 3) {
      const [u, v, w] = [xyz[i] / radius, xyz[i + 1] / radius, xyz[i + 2] / radius];
      const away = z[0] * u + z[1] * v + z[2] * w + EYE;
      const side = Math.max(1, Math.round(size / away));
      const column = Math.round(width / 2 + (focal_px * (x[0] * u + x[1] * v + x[2] * w)) / away - side / 2);
      const row = Math.round(height / 2 + (focal_px * (y[0] * u + y[1] * v + y[2] * w)) / away - side / 2);
      const paint = (255 << 24) | (rgb[i + 2] << 16) | (rgb[i + 1] << 8) | rgb[i];
      for (let r = Math.max(row, 0); r < Math.min(row + side, height); r++) {
        for (let c = Math.max(column, 0); c < Math.min(column + side, width); c++) {
          const at = r * width + c;
          if (away >= nearest[at]) continue;
          nearest[at] = away;
          pixels[at] = paint;
        }
      }
    }
    this.context.putImageData(image, 0, 0);
  }

  end() {}
}
